import { useEffect, useState } from 'react'
import { useLanguage } from '../locales'
import { Icon } from './Icon'

/** Puts `text` on the clipboard, and says so for a moment. `what` it is, where it is no link. */
export function CopyButton({ text, of, what }: { text: string; of: string; what?: string }) {
  const { locale } = useLanguage()
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_500)
    return () => clearTimeout(timer)
  }, [copied])
  const label = copied ? locale.actions.copied : what ? locale.actions.copyWhat(what) : locale.actions.copy
  return (
    <button
      type="button"
      className={copied ? 'iconic done' : 'iconic'}
      aria-label={what ? label : locale.actions.of(label, of)}
      title={label}
      onClick={() => void copy(text).then(setCopied)}
    >
      <Icon name={copied ? 'check' : 'link'} />
    </button>
  )
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Plain http has no clipboard but this one.
    const field = document.createElement('textarea')
    field.value = text
    field.className = 'hidden'
    document.body.append(field)
    field.select()
    const done = document.execCommand('copy')
    field.remove()
    return done
  }
}
