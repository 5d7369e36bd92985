/** Who will be able to read a file: its owner, as long as nothing else is chosen, or everybody. */

const choices = [
  {
    isPublic: false,
    name: 'Private',
    says: 'Encrypted here, in your browser. Only your account can read it, on any device.',
  },
  {
    isPublic: true,
    name: 'Public',
    says: 'Stored as it is. Everybody who learns its root can read it, for good.',
  },
] as const

export function PrivacyChoice({ isPublic, onChange }: { isPublic: boolean; onChange: (isPublic: boolean) => void }) {
  return (
    <fieldset>
      <legend className="label mb-2">Who can read it</legend>
      <div className="grid gap-3 sm:grid-cols-2">
        {choices.map((each) => (
          <label
            key={each.name}
            className="grid cursor-pointer grid-cols-[auto_1fr] gap-x-3 rounded-xl border border-line px-4 py-3 transition-colors hover:border-edge has-checked:border-ink has-checked:bg-well"
          >
            <input
              type="radio"
              name="who-can-read"
              className="mt-1 size-4 accent-[var(--color-ink)]"
              checked={each.isPublic === isPublic}
              onChange={() => onChange(each.isPublic)}
            />
            <span>
              <span className="font-[620]">{each.name}</span>
              <span className="mt-0.5 block text-sm text-soft">{each.says}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
