// Share links of a file. The address of one is told when it is made and never again, so it is shown until the
// details are closed.

import { useState, type SubmitEvent } from 'react'
import { Refusal } from '../api'
import { useLanguage } from '../locales'
import { CopyButton } from '../parts/CopyButton'
import { Trouble } from '../parts/Trouble'
import { useAnswer } from '../useAnswer'
import { createLink, fetchLinks, revokeLink, type Link } from './api'

const EXPIRIES = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const // seconds

type Expiry = keyof typeof EXPIRIES

export function Links({ fileId }: { fileId: string }) {
  const { locale } = useLanguage()
  const words = locale.library.links
  const [made, setMade] = useState<Link>()
  const [said, setSaid] = useState('')
  const [problem, setProblem] = useState<Refusal>()
  const { value, refusal, again } = useAnswer(fileId, (signal) => fetchLinks(fileId, signal))
  const trying = async (act: () => Promise<string>) => {
    setProblem(undefined)
    setSaid('')
    try {
      setSaid(await act())
      again()
    } catch (error) {
      setProblem(error instanceof Refusal ? error : new Refusal(0, '', ''))
    }
  }
  const open = (value ?? []).filter(({ state }) => state === 'active')
  return (
    <section className="part" aria-labelledby="links">
      <h3 id="links">{words.title}</h3>
      <p className="hint">{words.lead}</p>
      <NewLink
        onWanted={(expiresIn, maxUses) =>
          void trying(async () => {
            setMade(await createLink(fileId, expiresIn, maxUses))
            return words.created
          })
        }
      />
      {made?.url && (
        <div className="made">
          <input readOnly value={made.url} aria-label={words.open} onFocus={(event) => event.target.select()} />
          <CopyButton text={made.url} of={words.title} />
        </div>
      )}
      {open.length > 0 ? (
        <ul className="lines">
          {open.map((link) => (
            <OneLink
              key={link.link_id}
              link={link}
              onRevoke={() =>
                void trying(async () => {
                  await revokeLink(link.link_id)
                  if (made?.link_id === link.link_id) setMade(undefined)
                  return words.revoked
                })
              }
            />
          ))}
        </ul>
      ) : (
        value && <p className="hint">{words.none}</p>
      )}
      <p role="status" className="hint">
        {said}
      </p>
      {(refusal ?? problem) && <Trouble refusal={(refusal ?? problem) as Refusal} onAgain={again} />}
    </section>
  )
}

function NewLink({ onWanted }: { onWanted: (expiresIn: number, maxUses: number | null) => void }) {
  const words = useLanguage().locale.library.links
  const [expiry, setExpiry] = useState<Expiry>('week')
  const [uses, setUses] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    onWanted(EXPIRIES[expiry], uses ? Number(uses) : null)
  }
  return (
    <form className="newlink" onSubmit={submit}>
      <label>
        {words.expires}
        <select value={expiry} onChange={(event) => setExpiry(event.target.value as Expiry)}>
          {(Object.keys(EXPIRIES) as Expiry[]).map((one) => (
            <option key={one} value={one}>
              {words.expiries[one]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {words.uses}
        <input
          type="number"
          min={1}
          max={1_000_000}
          step={1}
          value={uses}
          title={words.usesHint}
          placeholder="∞"
          onChange={(event) => setUses(event.target.value)}
        />
      </label>
      <button type="submit" className="small">
        {words.create}
      </button>
    </form>
  )
}

function OneLink({ link, onRevoke }: { link: Link; onRevoke: () => void }) {
  const { locale, format } = useLanguage()
  const words = locale.library.links
  const until = words.until(format.date(Date.parse(link.expires_at)))
  return (
    <li>
      <p className="numbers">
        {words.used(link.uses, link.max_uses)}, {until}
      </p>
      <button type="button" className="small" aria-label={locale.actions.of(words.revoke, until)} onClick={onRevoke}>
        {words.revoke}
      </button>
    </li>
  )
}
