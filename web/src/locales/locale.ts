// What a language must say. A new one is a file beside this, named in index.ts.

import type { LibraryWords } from './library'
import type { OperateWords } from './operate'
import type { View } from '../routing'
import type { FileStatus } from '../server'

export interface Locale {
  code: string
  /** In its own words. */
  language: string
  title: string
  lead: string
  chooseLanguage: string
  views: { label: string; skip: string; loading: string; broken: string; noRight: string; noLibrary: string } & Record<View, string>
  drop: { title: string; hint: string; over: string; files: string; folder: string }
  limits: {
    size: (size: string) => string
    noSize: string
    kept: (time: string) => string
    keptForEver: string
  }
  offline: string
  noServer: string
  noServerHint: string
  uploads: string
  progressOf: (name: string) => string
  totalProgress: string
  actions: {
    pause: string
    resume: string
    retry: string
    retryNow: string
    cancel: string
    remove: string
    pauseAll: string
    resumeAll: string
    cancelAll: string
    retryAll: string
    clear: string
    download: string
    copy: string
    copied: string
    copyWhat: (what: string) => string
    undo: string
    close: string
    openInLibrary: string
    of: (action: string, name: string) => string
  }
  badge: Record<'queued' | 'waiting' | 'paused' | FileStatus, string>
  detail: {
    sizeOf: (sent: string, size: string) => string
    left: (time: string) => string
    retryIn: (time: string) => string
    retrying: string
    offline: string
    network: string
    busy: (status: number) => string
    gone: string
    begunAgain: string
    signIn: string
    finding: string
    deleted: string
  }
  failure: {
    tooBig: (size: string, limit: string) => string
    unreadable: string
    refused: (status: number, said: string) => string
  }
  summary: {
    done: (count: number) => string
    progress: (done: number, count: number) => string
    failed: (count: number) => string
  }
  unfinished: {
    title: string
    lead: string
    choose: string
    discard: string
    many: string
    more: (count: string) => string
    sent: (share: string, sent: string, size: string) => string
    notBegun: (size: string) => string
    gone: (size: string) => string
  }
  notice: {
    known: (count: number, name: string) => string
    wrongFile: (name: string, size: string, date: string) => string
    unreadable: (count: number) => string
    cancelled: (count: number, name: string) => string
    notFetched: (name: string, why: string) => string
  }
  said: {
    added: (count: number) => string
    failed: (name: string) => string
    allUploaded: (count: number) => string
  }
  /** Why an answer did not come, in general. */
  refusal: { network: string; status: (status: number, said: string) => string; again: string }
  signIn: {
    title: string
    lost: string
    key: string
    keyHint: string
    remember: string
    submit: string
    at: (provider: string) => string
    or: string
    wrong: string
    elsewhere: string
    unknown: string
    notThere: string
    popup: string
    out: string
    as: (name: string) => string
  }
  library: LibraryWords
  operate: OperateWords
  terminal: { title: string; lead: string; command: string; curl: string }
}
