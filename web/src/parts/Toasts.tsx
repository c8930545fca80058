// Short messages at the lower edge, some of which can be undone.

import { useLanguage } from '../locales'
import { Icon } from './Icon'

export interface Toast {
  id: string
  text: string
  onUndo?: () => void
  onClose: () => void
}

export function Toasts({ said }: { said: Toast[] }) {
  const { actions } = useLanguage().locale
  return (
    <div className="notices" role="status">
      {said.map(({ id, text, onUndo, onClose }) => (
        <div key={id} className="notice">
          <p>{text}</p>
          {onUndo && (
            <button type="button" className="small" onClick={onUndo}>
              {actions.undo}
            </button>
          )}
          <button type="button" className="iconic" aria-label={actions.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
