// The upload view of tusd-py in an application of one's own.

import { useState, type SubmitEvent } from 'react'
import { createRoot } from 'react-dom/client'
import { TusUpload, type Uploaded } from 'tusd-py-upload'
import 'tusd-py-upload/style.css'

const SERVER = import.meta.env.VITE_TUSD_PY ?? 'http://127.0.0.1:8080/'

function App() {
  // An application has a sign-in of its own, and fetches an API key or token for the person from its back end.
  const [credential, setCredential] = useState('')
  const [needed, setNeeded] = useState(false)
  const [received, setReceived] = useState<Uploaded[]>([])
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    setNeeded(false)
    setCredential(String(new FormData(event.currentTarget).get('key')))
  }
  return (
    <main style={{ maxWidth: '48rem', margin: '2rem auto', padding: '0 1rem' }}>
      <h1>Send us your pictures</h1>
      {needed && (
        <form onSubmit={submit}>
          <label>
            Your key <input name="key" type="password" required />
          </label>
          <button>Go on</button>
        </form>
      )}
      <TusUpload
        server={SERVER}
        credential={credential}
        onSignInNeeded={() => setNeeded(true)}
        onUploaded={(file) => setReceived((before) => [...before, file])}
      />
      <h2>Thank you for</h2>
      <ul>
        {received.map(({ url, name, size }) => (
          <li key={url}>
            {name}, {size} bytes
          </li>
        ))}
      </ul>
    </main>
  )
}

const place = document.getElementById('app')
if (place) createRoot(place).render(<App />)
