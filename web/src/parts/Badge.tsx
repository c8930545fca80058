// One word for what an upload or a file is at.

import { useLanguage } from '../locales'
import type { Locale } from '../locales/locale'
import { Icon, type IconName } from './Icon'

export type Status = keyof Locale['badge']

const LOOKS: Record<Status, { tone: 'quiet' | 'active' | 'warn' | 'good' | 'bad'; icon: IconName }> = {
  queued: { tone: 'quiet', icon: 'clock' },
  uploading: { tone: 'active', icon: 'arrow' },
  waiting: { tone: 'warn', icon: 'clock' },
  paused: { tone: 'quiet', icon: 'pause' },
  uploaded: { tone: 'good', icon: 'check' },
  scanning: { tone: 'active', icon: 'search' },
  ready: { tone: 'good', icon: 'check' },
  quarantined: { tone: 'bad', icon: 'shield' },
  failed: { tone: 'bad', icon: 'alert' },
}

export function Badge({ status }: { status: Status }) {
  const { locale } = useLanguage()
  const { tone, icon } = LOOKS[status]
  return (
    <span className={`badge ${tone}`} data-status={status}>
      <Icon name={icon} />
      {locale.badge[status]}
    </span>
  )
}
