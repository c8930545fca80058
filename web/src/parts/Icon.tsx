// Line drawings, 20 units wide, in the colour of the text around them.

const PATHS = {
  arrow: 'M10 16V4.5M5 9l5-5 5 5',
  pause: 'M7 4.5v11M13 4.5v11',
  play: 'M6.5 4.3v11.4L15.5 10z',
  retry: 'M15.8 8A6.2 6.2 0 1 0 16 12M16 3.8V8h-4.2',
  close: 'M5 5l10 10M15 5L5 15',
  download: 'M10 3.5V13M5.5 8.8L10 13.3l4.5-4.5M4 16.5h12',
  link: 'M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l1-1',
  check: 'M4.5 10.5l3.7 3.7 7.3-8',
  alert: 'M10 5.5v5.5M10 14.2v.1',
  clock: 'M10 5.5V10l3 2',
  file: 'M5.5 2.8h6l3.5 3.5v10.9h-9.5zM11.2 2.8v3.8h3.8',
  cloudOff: 'M3 3l14 14M8 5.2A5 5 0 0 1 14.4 9a3.3 3.3 0 0 1 1.8 5.6M6 7.5A5 5 0 0 0 5 9.6 3.2 3.2 0 0 0 5.5 16H14',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
