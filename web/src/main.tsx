import { createRoot } from 'react-dom/client'
import { App } from './App'
import { handOver } from './oidc'
import './page.css'

const place = document.getElementById('page')
if (place && !handOver()) createRoot(place).render(<App />)
