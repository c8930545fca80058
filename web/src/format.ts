// Numbers for people, in their language.

export interface Formatter {
  bytes: (bytes: number) => string
  speed: (bytesPerSecond: number) => string
  /** Roughly: one or two units. */
  duration: (seconds: number) => string
  share: (part: number, whole: number) => string
  date: (milliseconds: number) => string
  time: (milliseconds: number) => string
  count: (count: number) => string
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const

const DURATIONS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

export function formatter(code: string): Formatter {
  // Making one costs a hundred times what using it does, and lists use it for each row.
  const units = new Map<string, Intl.NumberFormat>()
  const unit = (value: number, name: string, digits = 0): string => {
    const key = `${name} ${digits}`
    const format =
      units.get(key) ??
      new Intl.NumberFormat(code, {
        style: 'unit',
        unit: name,
        unitDisplay: name === 'byte' || name === 'day' ? 'long' : 'short',
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      })
    units.set(key, format)
    return format.format(value)
  }

  const bytes = (value: number, suffix = ''): string => {
    let index = 0
    let scaled = value
    while (scaled >= 999.5 && index < UNITS.length - 1) {
      scaled /= 1000
      index += 1
    }
    const digits = index === 0 || scaled >= 99.95 || Number.isInteger(scaled) ? 0 : 1
    return unit(scaled, `${UNITS[index]}${suffix}`, digits)
  }

  const percent = new Intl.NumberFormat(code, { style: 'percent', maximumFractionDigits: 0 })
  const count = new Intl.NumberFormat(code)
  const time = new Intl.DateTimeFormat(code, { timeStyle: 'short' })
  const date = new Intl.DateTimeFormat(code, { dateStyle: 'medium', timeStyle: 'short' })

  return {
    bytes: (value) => bytes(value),
    speed: (value) => bytes(value, '-per-second'),
    duration: (seconds) => {
      const whole = Math.max(1, Math.ceil(seconds))
      const index = DURATIONS.findIndex(([, size]) => whole >= size)
      const [name, size] = DURATIONS[index] ?? ['second', 1]
      const [next, nextSize] = DURATIONS[index + 1] ?? ['second', 1]
      const first = Math.floor(whole / size)
      const second = Math.floor((whole % size) / nextSize)
      // "3 min", but "1 min 20 s": the second unit only where the first says little.
      return first < 3 && size > 1 && second > 0 ? `${unit(first, name)} ${unit(second, next)}` : unit(first, name)
    },
    // Never 100 % before the end.
    share: (part, whole) => percent.format(whole ? Math.min(Math.floor((part / whole) * 100) / 100, 1) : 1),
    date: (milliseconds) => date.format(milliseconds),
    time: (milliseconds) => time.format(milliseconds),
    count: (value) => count.format(value),
  }
}
