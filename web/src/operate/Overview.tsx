// How the installation is now, and how it was lately.

import { useState } from 'react'
import { useLanguage } from '../locales'
import { Icon } from '../parts/Icon'
import { Trouble } from '../parts/Trouble'
import { useAnswer } from '../useAnswer'
import { fetchDeliveries, fetchLights, fetchStats, type Light, type Relay, type Stats } from './api'
import { Plots } from './Plots'
import { UploadTable } from './UploadTable'
import { useSpeeds } from './useSpeeds'

const EVERY = 2_000 // milliseconds
const HOURS = [1, 6, 24] as const

export function Overview() {
  const { locale } = useLanguage()
  const words = locale.operate.plots
  const [hours, setHours] = useState<number>(1)
  const lights = useAnswer('lights', fetchLights, EVERY * 2)
  const relays = useAnswer('relays', async (signal) => (await fetchDeliveries('', signal)).relays, EVERY * 2)
  const { value, refusal, again } = useAnswer(`stats ${hours}`, (signal) => fetchStats(hours * 60, signal), EVERY)
  return (
    <>
      <Lights lights={lights.value} relays={relays.value ?? []} />
      {refusal && <Trouble refusal={refusal} onAgain={again} />}
      {!value && !refusal && <p role="status">{locale.views.loading}</p>}
      {value && <Shown stats={value} />}
      <section className="sheet plots" aria-labelledby="plots">
        <div className="line">
          <h2 id="plots">{words.title}</h2>
          <label>
            <span className="hidden">{words.window}</span>
            <select value={hours} onChange={(event) => setHours(Number(event.target.value))}>
              {HOURS.map((one) => (
                <option key={one} value={one}>
                  {words.hours(one)}
                </option>
              ))}
            </select>
          </label>
        </div>
        {value && <Plots minutes={value.minutes} now={Date.parse(value.now)} span={hours * 60} />}
      </section>
    </>
  )
}

/** What the server needs, and whom it tells: those are behind when something was given up or waits. */
function Lights({ lights, relays }: { lights: Record<string, Light> | undefined; relays: Relay[] }) {
  const { lights: words, webhooks } = useLanguage().locale.operate
  return (
    <section className="lights" aria-label={words.title}>
      <ul>
        {Object.entries(lights ?? {}).map(([part, says]) => (
          <li key={part} className={says === 'ok' ? 'light good' : 'light bad'}>
            <Icon name={says === 'ok' ? 'check' : 'alert'} />
            <span>
              <b>{words.parts[part] ?? part}</b> {words.says[says] ?? says}
            </span>
          </li>
        ))}
        {relays.map(({ name, waiting, dead }) => (
          <li key={name} className={dead ? 'light bad' : 'light good'}>
            <Icon name={dead ? 'alert' : 'check'} />
            <span>
              <b>{name}</b> {dead ? webhooks.dead(dead) : webhooks.waiting(waiting)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Shown({ stats }: { stats: Stats }) {
  const { locale, format } = useLanguage()
  const words = locale.operate.numbers
  const speeds = useSpeeds(stats)
  const receiving = [...speeds.values()].reduce((sum, speed) => sum + speed, 0)
  const jobs = stats.jobs.reduce((sum, { waiting }) => sum + waiting, 0)
  const numbers: [string, string][] = [
    [words.received, format.speed(receiving)],
    [words.open, format.count(stats.unfinished)],
    [words.stored, format.bytes(stats.stored.bytes)],
    [words.files, format.count(stats.stored.files)],
    [words.quarantined, format.count(stats.stored.quarantined)],
    [words.jobs, format.count(jobs)],
    [words.workers, format.count(stats.workers.length)],
  ]
  return (
    <>
      <dl className="tiles">
        {numbers.map(([term, said]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd className="numbers">{said}</dd>
          </div>
        ))}
      </dl>
      <UploadTable uploads={stats.uploads} speeds={speeds} workers={stats.workers} />
    </>
  )
}
