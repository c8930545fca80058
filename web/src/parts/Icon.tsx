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
  alert: 'M10 3.3l7 12.7H3zM10 8v3.6M10 13.7v.1',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.2V10l2.6 1.7',
  file: 'M5.5 2.8h6l3.5 3.5v10.9h-9.5zM11.2 2.8v3.8h3.8',
  leave: 'M8 3.5H4.5v13H8M12.5 6.5L16 10l-3.5 3.5M16 10H8',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4',
  shield: 'M10 2.8l5.8 2.2v4.4c0 3.6-2.4 6.3-5.8 7.8-3.4-1.5-5.8-4.2-5.8-7.8V5z',
  trash: 'M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  library: 'M3 5.5h5l1.6 2H17v8.8H3z',
  filter: 'M3.5 5h13M6 10h8M8.5 15h3',
  dot: 'M10 10h.01',
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
