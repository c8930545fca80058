// What is shown where a view cannot be: its code did not come, or it broke. The rest of the page goes on.

import { Component, type ReactNode } from 'react'
import { useLanguage } from '../locales'
import { Icon } from './Icon'

interface Props {
  children: ReactNode
  /** Before the children are tried again. */
  onAgain: () => void
}

export class Boundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true }
  }

  again = (): void => {
    this.props.onAgain()
    this.setState({ broken: false })
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken onAgain={this.again} /> : this.props.children
  }
}

function Broken({ onAgain }: { onAgain: () => void }) {
  const { locale } = useLanguage()
  return (
    <div className="banner" role="alert">
      <Icon name="alert" />
      <p>{locale.views.broken}</p>
      <button type="button" className="small" onClick={onAgain}>
        {locale.refusal.again}
      </button>
    </div>
  )
}
