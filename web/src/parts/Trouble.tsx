// Why something is not there, in the server's words, and another try.

import type { Refusal } from '../api'
import { useLanguage } from '../locales'
import { Icon } from './Icon'

export function Trouble({ refusal, onAgain }: { refusal: Refusal; onAgain?: () => void }) {
  const { locale } = useLanguage()
  const { network, status, again } = locale.refusal
  return (
    <div className="banner" role="alert">
      <Icon name={refusal.status ? 'alert' : 'cloudOff'} />
      <p>{refusal.status ? status(refusal.status, refusal.message) : network}</p>
      {onAgain && (
        <button type="button" className="small" onClick={onAgain}>
          {again}
        </button>
      )}
    </div>
  )
}
