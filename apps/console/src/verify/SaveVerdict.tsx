/** Offers a verdict as a file: anybody who has the model judges it again. */
import { saveText } from '../parts/saveText.ts'

export function SaveVerdict({ verdict }: { verdict: string }) {
  return (
    <div className="grid gap-2">
      <button
        type="button"
        className="button button-solid w-fit"
        onClick={() => saveText('verdict.json', `${verdict}\n`)}
      >
        Save the verdict
      </button>
      <p className="text-mute text-sm">
        Whoever has the model judges it again: on the page Verify, or with{' '}
        <code className="font-mono">weightless dispute judge verdict.json</code>. Question and answer are not in it.
      </p>
    </div>
  )
}
