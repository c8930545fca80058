// The same without this page.

import { useLanguage } from '../locales'
import { CopyButton } from './CopyButton'

export function Terminal({ endpoint }: { endpoint: string }) {
  const { locale } = useLanguage()
  const { terminal } = locale
  const command = `tusd-py upload ${endpoint} photo.jpg`
  const curl = `curl -i -X POST ${endpoint} -H 'Tus-Resumable: 1.0.0' \\
  -H "Upload-Length: $(wc -c < photo.jpg | tr -d ' ')" \\
  -H "Upload-Metadata: filename $(printf %s photo.jpg | base64)"
curl -i -X PATCH LOCATION -H 'Tus-Resumable: 1.0.0' -H 'Upload-Offset: 0' \\
  -H 'Content-Type: application/offset+octet-stream' -T photo.jpg`
  return (
    <details className="terminal">
      <summary>{terminal.title}</summary>
      <p>{terminal.lead}</p>
      <Code text={endpoint} />
      <p>{terminal.command}</p>
      <Code text={command} />
      <p>{terminal.curl}</p>
      <Code text={curl} />
    </details>
  )
}

function Code({ text }: { text: string }) {
  return (
    <div className="code">
      {/* It scrolls sideways, so it must be reachable by keyboard. */}
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} of={text.split('\n')[0] ?? ''} />
    </div>
  )
}
