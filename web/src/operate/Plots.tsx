// Plots of the minute rows that the server keeps: one for each number, and all of them as a table for those who
// do not see plots. A minute without a row is one in which nothing happened.

import { useLanguage } from '../locales'
import type { Minute } from './api'

const WIDTH = 720
const HEIGHT = 90
const MINUTE = 60_000 // milliseconds

interface Props {
  minutes: Minute[]
  /** Milliseconds since 1970. */
  now: number
  /** Minutes. */
  span: number
}

export function Plots({ minutes, now, span }: Props) {
  const { locale, format } = useLanguage()
  const words = locale.operate.plots
  if (!minutes.length) return <p className="hint">{words.nothing}</p>
  const perMinute = (value: number) => words.perMinute(value)
  return (
    <>
      <Plot label={words.received} minutes={minutes} now={now} span={span} of={({ received }) => received} say={(most) => format.speed(most / 60)} />
      <Plot label={words.finished} minutes={minutes} now={now} span={span} of={({ finished }) => finished} say={perMinute} />
      <Plot label={words.jobs} minutes={minutes} now={now} span={span} of={({ jobs }) => jobs} say={format.count} />
      <Numbers minutes={minutes} />
    </>
  )
}

interface PlotProps extends Props {
  label: string
  of: (minute: Minute) => number
  say: (value: number) => string
}

function Plot({ label, minutes, now, span, of, say }: PlotProps) {
  const { locale, format } = useLanguage()
  const begin = Math.floor(now / MINUTE) - span + 1
  const points = Array.from({ length: span }, () => 0)
  for (const minute of minutes) {
    const index = Math.floor(Date.parse(minute.at) / MINUTE) - begin
    if (index >= 0 && index < span) points[index] = of(minute)
  }
  const most = Math.max(...points, 0)
  const step = WIDTH / span
  const bars = points
    .map((value, index) => ({ value, index }))
    .filter(({ value }) => value > 0)
    .map(({ value, index }) => {
      const height = Math.max(1.5, (value / (most || 1)) * (HEIGHT - 2))
      return `M${(index * step).toFixed(2)} ${HEIGHT}v${(-height).toFixed(2)}h${Math.max(step * 0.85, 0.6).toFixed(2)}V${HEIGHT}z`
    })
  const highest = locale.operate.plots.highest(say(most))
  return (
    <figure className="plot">
      <figcaption>
        <b>{label}</b> <span className="numbers">{highest}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${label}, ${highest}`}>
        <path className="ground" d={`M0 ${HEIGHT - 0.5}h${WIDTH}`} />
        <path d={bars.join('')} />
      </svg>
      <div className="axis numbers" aria-hidden="true">
        <span>{format.time(begin * MINUTE)}</span>
        <span>{format.time(now)}</span>
      </div>
    </figure>
  )
}

function Numbers({ minutes }: { minutes: Minute[] }) {
  const { locale, format } = useLanguage()
  const words = locale.operate.plots
  return (
    <details className="terminal">
      <summary>{words.asTable}</summary>
      <div className="scroll" tabIndex={0} role="group" aria-label={words.asTable}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.time}</th>
              <th scope="col">{words.received}</th>
              <th scope="col">{words.finished}</th>
              <th scope="col">{words.jobs}</th>
            </tr>
          </thead>
          <tbody>
            {minutes.toReversed().slice(0, 200).map((minute) => (
              <tr key={minute.at}>
                <th scope="row">{format.time(Date.parse(minute.at))}</th>
                <td>{format.bytes(minute.received)}</td>
                <td>{format.count(minute.finished)}</td>
                <td>{format.count(minute.jobs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
