// Files out of drops, pastes and pickers; folders are walked.

export interface Picked {
  file: File
  /** Folder and name where a folder was given, else the name. */
  path: string
}

export interface Pick {
  files: Picked[]
  /** Files and folders that the browser could not read. */
  unreadable: number
}

export function fromList(files: Iterable<File>): Pick {
  const picked = Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }))
  return { files: picked, unreadable: 0 }
}

/** Everything in a drop or a paste. The entries must be taken before the event ends, so call it at once. */
export function fromTransfer(transfer: DataTransfer): Promise<Pick> {
  const entries: FileSystemEntry[] = []
  const loose: File[] = []
  for (const item of transfer.items) {
    if (item.kind !== 'file') continue
    const entry = item.webkitGetAsEntry?.()
    if (entry?.isDirectory) entries.push(entry)
    else {
      const file = item.getAsFile()
      if (file) loose.push(file)
    }
  }
  return walkAll(fromList(loose), entries)
}

async function walkAll(picked: Pick, entries: FileSystemEntry[]): Promise<Pick> {
  const left = [...entries]
  for (let entry = left.pop(); entry; entry = left.pop()) {
    try {
      if (entry.isDirectory) {
        for (const inner of await entriesOf(entry as FileSystemDirectoryEntry)) left.push(inner)
      } else {
        const file = await fileOf(entry as FileSystemFileEntry)
        picked.files.push({ file, path: entry.fullPath.replace(/^\//, '') })
      }
    } catch {
      picked.unreadable += 1
    }
  }
  return picked
}

/** A directory hands its entries out by the hundred, until it hands out none. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader()
  const found: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return found
    found.push(...some)
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}
