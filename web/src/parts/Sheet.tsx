// A dialog at the side of the window. The browser keeps the focus in it and gives it back; Escape closes it.

import { useEffect, useRef, type ReactNode } from 'react'
import { Icon } from './Icon'

interface Props {
  title: string
  closing: string
  onClose: () => void
  children: ReactNode
}

export function Sheet({ title, closing, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    const opened = dialog.current
    opened?.showModal()
    return () => {
      opened?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true })
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      className="side"
      aria-labelledby="side"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div className="inner">
        <div className="line">
          <h2 id="side">{title}</h2>
          <button type="button" className="iconic" aria-label={closing} title={closing} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  )
}
