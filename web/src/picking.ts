// Files out of drops, pastes and pickers; folders are walked.

export interface Picked {
  file: File
  /** Folder and name where a folder was given, else the name. */
  path: string
}

export function fromList(files: Iterable<File>): Picked[] {
  return Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }))
}

/** Everything in a drop or a paste. The entries must be taken before the event ends, so call it at once. */
export function fromTransfer(transfer: DataTransfer): Promise<Picked[]> {
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

async function walkAll(found: Picked[], entries: FileSystemEntry[]): Promise<Picked[]> {
  const left = [...entries]
  for (let entry = left.pop(); entry; entry = left.pop()) {
    if (entry.isDirectory) left.push(...(await entriesOf(entry as FileSystemDirectoryEntry)))
    else {
      const file = await fileOf(entry as FileSystemFileEntry)
      if (file) found.push({ file, path: entry.fullPath.replace(/^\//, '') })
    }
  }
  return found
}

/** A directory hands its entries out by the hundred, until it hands out none. */
async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader()
  const found: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])))
    if (!some.length) return found
    found.push(...some)
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File | null> {
  return new Promise((resolve) => entry.file(resolve, () => resolve(null)))
}
