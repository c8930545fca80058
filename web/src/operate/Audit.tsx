// Who did what, and when. What is looked for is in the address.

import { useLanguage } from '../locales'
import { Trouble } from '../parts/Trouble'
import { setQuery, useQuery } from '../routing'
import { findEvents, type AuditEvent } from './api'
import { Table } from './Table'
import { usePages } from './usePages'

const TYPING = 250 // milliseconds
const KINDS = ['upload.*', 'file.*', 'link.*', 'keys.*'] as const
const FIELDS = ['actor', 'about', 'kind', 'from', 'until'] as const

export function Audit() {
  const { locale, format } = useLanguage()
  const words = locale.operate.audit
  const query = useQuery()
  const field = (name: (typeof FIELDS)[number]) => query.get(name) ?? ''
  const question = questionOf(field)
  const { rows, refusal, more, again } = usePages(
    question.toString(),
    async (cursor, signal) => {
      const { events, next } = await findEvents(question, cursor, signal)
      return { rows: events, next }
    },
    TYPING,
  )
  return (
    <>
      <search className="filters" aria-label={words.search}>
        <label>
          <span>{words.who}</span>
          <input type="search" value={field('actor')} autoComplete="off" spellCheck={false} onChange={(event) => setQuery({ actor: event.target.value })} />
        </label>
        <label>
          <span>{words.file}</span>
          <input type="search" value={field('about')} autoComplete="off" spellCheck={false} onChange={(event) => setQuery({ about: event.target.value })} />
        </label>
        <label>
          <span>{words.kind}</span>
          <select value={field('kind')} onChange={(event) => setQuery({ kind: event.target.value })}>
            <option value="">{words.anyKind}</option>
            {KINDS.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
        <label>
          <span>{words.from}</span>
          <input type="date" value={field('from')} onChange={(event) => setQuery({ from: event.target.value })} />
        </label>
        <label>
          <span>{words.until}</span>
          <input type="date" value={field('until')} onChange={(event) => setQuery({ until: event.target.value })} />
        </label>
      </search>
      {refusal && <Trouble refusal={refusal} onAgain={again} />}
      <Table
        title={locale.operate.sections.audit}
        head={[words.time, words.what, words.by, words.about]}
        empty={words.none}
        rows={rows}
        more={more}
        moreLabel={words.more}
      >
        {(event) => (
          <tr key={event.id}>
            <th scope="row" className="numbers">
              {format.date(Date.parse(event.timestamp))}
            </th>
            <td>{event.type}</td>
            <td>{String(event.data.actor ?? '')}</td>
            <td>
              <About event={event} />
            </td>
          </tr>
        )}
      </Table>
    </>
  )
}

function About({ event }: { event: AuditEvent }) {
  const words = useLanguage().locale.operate.audit
  const { actor: _actor, ...facts } = event.data
  const subject = String(facts.filename ?? facts.upload_id ?? facts.link_id ?? facts.file_id ?? '')
  return (
    <details>
      <summary>{subject || words.details}</summary>
      <pre tabIndex={0}>{JSON.stringify(facts, null, 2)}</pre>
    </details>
  )
}

/** An id may be a file's or an upload's; the server asks for either by its own name. */
function questionOf(field: (name: (typeof FIELDS)[number]) => string): URLSearchParams {
  const asked = new URLSearchParams()
  const say = (name: string, value: string) => value && asked.set(name, value)
  say('actor', field('actor').trim())
  say('kind', field('kind'))
  say('file_id', field('about').trim())
  say('from', dayOf(field('from'), 0))
  say('to', dayOf(field('until'), 1))
  return asked
}

function dayOf(day: string, later: number): string {
  const [year, month, date] = day.split('-').map(Number)
  return year && month && date ? new Date(year, month - 1, date + later).toISOString() : ''
}
