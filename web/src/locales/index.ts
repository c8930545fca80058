import { createContext, useContext } from 'react'
import { formatter, type Formatter } from '../format'
import { de } from './de'
import { en } from './en'
import type { Locale } from './locale'

export const LOCALES: readonly Locale[] = [en, de]
const CHOSEN = 'tusd-py-language'

export interface Language {
  locale: Locale
  format: Formatter
  choose: (code: string) => void
}

/** What the person chose here before, else the first language of the browser that we speak. */
export function preferredLocale(): Locale {
  const wanted = [remembered(), ...navigator.languages].map((code) => code.toLowerCase().split('-')[0])
  return wanted.map((code) => LOCALES.find((locale) => locale.code === code)).find((found) => found) ?? en
}

export function rememberLocale(code: string): void {
  try {
    localStorage.setItem(CHOSEN, code)
  } catch {
    return
  }
}

function remembered(): string {
  try {
    return localStorage.getItem(CHOSEN) ?? ''
  } catch {
    return ''
  }
}

export const LanguageContext = createContext<Language>({ locale: en, format: formatter('en'), choose: () => undefined })

export function useLanguage(): Language {
  return useContext(LanguageContext)
}
