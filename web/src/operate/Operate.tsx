// The operate view, put together: sections that the address names.

import { useLanguage } from '../locales'
import { ViewLink } from '../parts/ViewLink'
import { useQuery } from '../routing'
import { useSession } from '../session'
import { Audit } from './Audit'
import { Config } from './Config'
import { Overview } from './Overview'
import { Quarantine } from './Quarantine'
import { Webhooks } from './Webhooks'
import './operate.css'

const SECTIONS = {
  overview: Overview,
  quarantine: Quarantine,
  webhooks: Webhooks,
  audit: Audit,
  config: Config,
} as const

type Section = keyof typeof SECTIONS

export default function Operate() {
  const { locale } = useLanguage()
  const { isAdmin } = useSession()
  const wanted = useQuery().get('show') ?? ''
  const section: Section = Object.hasOwn(SECTIONS, wanted) ? (wanted as Section) : 'overview'
  if (!isAdmin) return <p role="alert">{locale.views.noRight}</p>
  const Shown = SECTIONS[section]
  return (
    <>
      <nav className="sections" aria-label={locale.operate.title}>
        {(Object.keys(SECTIONS) as Section[]).map((one) => (
          <ViewLink key={one} view="operate" query={one === 'overview' ? {} : { show: one }} current={one === section}>
            {locale.operate.sections[one]}
          </ViewLink>
        ))}
      </nav>
      <Shown />
    </>
  )
}
