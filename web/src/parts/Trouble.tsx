// Why something is not there, in the server's words, and another try.

import type { Refusal } from '../api'
import { useLanguage, type Language } from '../locales'
import { Icon } from './Icon'

export function Trouble({ refusal, onAgain }: { refusal: Refusal; onAgain?: () => void }) {
  const { locale } = useLanguage()
  return (
    <div className="banner" role="alert">
      <Icon name={refusal.status ? 'alert' : 'cloudOff'} />
      <p>{reasonOf(refusal, locale)}</p>
      {onAgain && (
        <button type="button" className="small" onClick={onAgain}>
          {locale.refusal.again}
        </button>
      )}
    </div>
  )
}

export function reasonOf({ status, message }: Refusal, { refusal }: Language['locale']): string {
  return status ? refusal.status(status, message) : refusal.network
}
