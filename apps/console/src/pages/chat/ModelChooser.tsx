/** Which model answers, and what a token of it costs. */
import type { ChatModel } from '@weightless/sdk'

export function ModelChooser(props: {
  models: ChatModel[] | undefined
  model: ChatModel | undefined
  onChoose: (id: string) => void
}) {
  const { models, model, onChoose } = props
  if (!models || !model) return <span className="text-mute text-sm">{models ? 'No model is open yet' : '…'}</span>
  return (
    <label className="flex items-center gap-2">
      <span className="sr-only">Model</span>
      <select
        className="field min-h-9 py-1 text-sm"
        value={model.id}
        onChange={(event) => onChoose(event.target.value)}
      >
        {models.map(({ id }) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </label>
  )
}
