import 'react'

declare module 'react' {
  interface InputHTMLAttributes<T> {
    /** Lets a file input take a whole folder. */
    webkitdirectory?: string | undefined
  }
}
