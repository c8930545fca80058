// The settings in force, and where each came from. Nothing can be changed here.

import { useState } from 'react'
import { useLanguage } from '../locales'
import { Trouble } from '../parts/Trouble'
import { useAnswer } from '../useAnswer'
import { fetchSettings } from './api'
import { Table } from './Table'

export function Config() {
  const words = useLanguage().locale.operate.config
  const [sought, setSought] = useState('')
  const [changed, setChanged] = useState(false)
  const { value, refusal, again } = useAnswer('config', fetchSettings)
  const fits = value?.filter(
    ({ section, name, is_default }) => `${section}.${name}`.includes(sought.trim().toLowerCase()) && !(changed && is_default),
  )
  return (
    <>
      <p className="hint">{words.lead}</p>
      <search className="filters" aria-label={words.search}>
        <label className="grow">
          <span>{words.search}</span>
          <input type="search" value={sought} autoComplete="off" spellCheck={false} onChange={(event) => setSought(event.target.value)} />
        </label>
        <label className="check">
          <input type="checkbox" checked={changed} onChange={(event) => setChanged(event.target.checked)} />
          {words.notDefault}
        </label>
      </search>
      {refusal && <Trouble refusal={refusal} onAgain={again} />}
      <Table title={words.search} head={[words.key, words.value, words.origin]} empty={words.none} rows={fits} moreLabel="">
        {({ section, name, value: shown, source, is_default }) => (
          <tr key={`${section}.${name}`} className={is_default ? 'quiet' : ''}>
            <th scope="row">
              <code>
                {section}.{name}
              </code>
            </th>
            <td>
              <code>{shown}</code>
            </td>
            <td>{source}</td>
          </tr>
        )}
      </Table>
    </>
  )
}
