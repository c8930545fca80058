// What a scanner closed, and what becomes of it: released, or deleted. Both are asked about once more, there and
// then, because neither can be undone.

import { useState } from 'react'
import { Refusal } from '../api'
import { useLanguage } from '../locales'
import { Trouble } from '../parts/Trouble'
import { fetchQuarantine, release, remove, type Closed } from './api'
import { Table } from './Table'
import { usePages } from './usePages'

export function Quarantine() {
  const { locale } = useLanguage()
  const words = locale.operate.quarantine
  const [problem, setProblem] = useState<Refusal>()
  const { rows, refusal, more, again } = usePages('', async (cursor, signal) => {
    const { files, next } = await fetchQuarantine(cursor, signal)
    return { rows: files, next }
  })
  const decide = async (act: () => Promise<void>) => {
    setProblem(undefined)
    try {
      await act()
    } catch (error) {
      setProblem(error instanceof Refusal ? error : new Refusal(0, '', ''))
    }
    again()
  }
  return (
    <>
      <p className="hint">{words.lead}</p>
      {(problem ?? refusal) && <Trouble refusal={(problem ?? refusal) as Refusal} onAgain={again} />}
      <Table
        title={locale.operate.sections.quarantine}
        head={[words.file, words.owner, words.finding, words.scanned, '']}
        empty={words.none}
        rows={rows}
        more={more}
        moreLabel={words.more}
      >
        {(closed) => <Row key={`${closed.file_id} ${closed.version}`} closed={closed} decide={decide} />}
      </Table>
    </>
  )
}

interface RowProps {
  closed: Closed
  decide: (act: () => Promise<void>) => Promise<void>
}

function Row({ closed, decide }: RowProps) {
  const { locale, format } = useLanguage()
  const words = locale.operate.quarantine
  const [asked, setAsked] = useState<'release' | 'remove'>()
  const name = closed.filename ?? closed.file_id
  const finding = closed.finding ?? closed.virus_status
  const act = asked === 'release' ? release : remove
  return (
    <tr>
      <th scope="row" title={closed.file_id}>
        {name} <span className="numbers quiet">{format.bytes(closed.file_size)}</span>
      </th>
      <td>{closed.user_id}</td>
      <td>
        {finding}
        {closed.released_by && <span className="quiet"> {words.released(closed.released_by)}</span>}
      </td>
      <td className="numbers">{closed.scanned_at && format.date(Date.parse(closed.scanned_at))}</td>
      <td>
        {asked ? (
          <div className="sure" role="alertdialog" aria-label={asked === 'release' ? words.sureRelease(name, finding) : words.sureRemove(name)}>
            <p>{asked === 'release' ? words.sureRelease(name, finding) : words.sureRemove(name)}</p>
            <div className="buttons">
              <button type="button" className="small danger" autoFocus onClick={() => void decide(() => act(closed))}>
                {words.yes}
              </button>
              <button type="button" className="small" onClick={() => setAsked(undefined)}>
                {words.no}
              </button>
            </div>
          </div>
        ) : (
          <div className="buttons">
            {!closed.released_by && (
              <button type="button" className="small" aria-label={locale.actions.of(words.release, name)} onClick={() => setAsked('release')}>
                {words.release}
              </button>
            )}
            <button type="button" className="small" aria-label={locale.actions.of(words.remove, name)} onClick={() => setAsked('remove')}>
              {words.remove}
            </button>
          </div>
        )}
      </td>
    </tr>
  )
}
