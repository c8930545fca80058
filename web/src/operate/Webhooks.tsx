// How far other systems are with what they are told, and what they did not take.

import { useState } from 'react'
import { Refusal } from '../api'
import { useLanguage } from '../locales'
import { Trouble } from '../parts/Trouble'
import { useAnswer } from '../useAnswer'
import { fetchDeliveries, redeliver, type Delivery } from './api'
import { Table } from './Table'
import { usePages } from './usePages'

export function Webhooks() {
  const { locale, format } = useLanguage()
  const words = locale.operate.webhooks
  const [said, setSaid] = useState('')
  const [problem, setProblem] = useState<Refusal>()
  const relays = useAnswer('relays', async (signal) => (await fetchDeliveries('', signal)).relays, 5_000)
  const { rows, refusal, more, again } = usePages('', async (cursor, signal) => {
    const { deliveries, next } = await fetchDeliveries(cursor, signal)
    return { rows: deliveries, next }
  })
  const resend = async ({ delivery_id }: Delivery) => {
    setProblem(undefined)
    try {
      await redeliver(delivery_id)
      setSaid(words.asked)
    } catch (error) {
      setProblem(error instanceof Refusal ? error : new Refusal(0, '', ''))
    }
    again()
  }
  return (
    <>
      {(problem ?? refusal) && <Trouble refusal={(problem ?? refusal) as Refusal} onAgain={again} />}
      {relays.value && !relays.value.length && <p className="sheet none">{words.off}</p>}
      {relays.value && relays.value.length > 0 && (
        <ul className="relays">
          {relays.value.map(({ name, waiting, dead }) => (
            <li key={name} className="sheet">
              <b>{name}</b>
              <span className="numbers">
                {words.waiting(waiting)}, {words.dead(dead)}
              </span>
            </li>
          ))}
        </ul>
      )}
      <p role="status" className="hint">
        {said}
      </p>
      {relays.value && relays.value.length > 0 && (
        <Table
          title={locale.operate.sections.webhooks}
          head={[words.event, words.to, words.state, words.attempts, words.next, '']}
          empty={words.none}
          rows={rows}
          more={more}
          moreLabel={words.more}
        >
          {(one) => (
            <tr key={one.delivery_id}>
              <th scope="row" title={one.upload_id}>
                {one.type}
              </th>
              <td>{one.relay}</td>
              <td>
                {one.state}
                {one.last_error && <span className="quiet"> {one.last_error}</span>}
              </td>
              <td className="numbers">{format.count(one.tries)}</td>
              <td className="numbers">{one.next_try && format.date(Date.parse(one.next_try))}</td>
              <td>
                {!one.next_try && (
                  <button type="button" className="small" aria-label={locale.actions.of(words.redeliver, one.type)} onClick={() => void resend(one)}>
                    {words.redeliver}
                  </button>
                )}
              </td>
            </tr>
          )}
        </Table>
      )}
    </>
  )
}
