import { useEffect } from 'react'
import type { Uploads } from './uploads'

/** The browser asks before the page is left while something is being sent. */
export function useLeavingWarning(uploads: Uploads | undefined): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (uploads?.busy) event.preventDefault()
    }
    window.addEventListener('beforeunload', warn)
    return () => window.removeEventListener('beforeunload', warn)
  }, [uploads])
}
