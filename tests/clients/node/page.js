// What a web page does with tus-js-client and Uppy; tests call these functions in Chromium.

import Uppy from '@uppy/core'
import Tus from '@uppy/tus'
import * as tus from 'tus-js-client'

const HEADERS = ['Location', 'Upload-Offset', 'Upload-Length', 'Upload-Expires', 'Tus-Resumable', 'X-Request-ID']
// Milliseconds, for half a minute: that is how long a busy machine may take to start a server.
const RETRIES = Array(300).fill(100)

// The content comes from the page's own origin; the same file each time, so that it is known again.
async function fileOf(path, name) {
  const answer = await fetch(path)
  return new File([await answer.blob()], name, { type: 'application/octet-stream', lastModified: 1 })
}

// Sends one file with tus-js-client. `stopAt` gives up at that share of it, without deleting anything.
window.send = async ({ path, resume = false, stopAt = 2, ...options }) => {
  const file = await fileOf(path, 'content.bin')
  const seen = { headers: {}, statuses: [], found: 0 }
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      retryDelays: RETRIES,
      metadata: { filename: file.name },
      onAfterResponse: (_request, response) => {
        seen.statuses.push(response.getStatus())
        for (const name of HEADERS) {
          const value = response.getHeader(name)
          if (value) seen.headers[name] = value
        }
      },
      onChunkComplete: (_size, accepted) => {
        if (accepted < file.size * stopAt) return
        upload.abort().then(() => resolve({ url: upload.url, ...seen }))
      },
      onError: (error) => reject(new Error(String(error))),
      onSuccess: () => resolve({ url: upload.url, ...seen }),
      ...options,
    })
    window.current = upload
    if (!resume) return upload.start()
    upload.findPreviousUploads().then((found) => {
      seen.found = found.length
      if (found.length) upload.resumeFromPreviousUpload(found[0])
      upload.start()
    }, reject)
  })
}

// Whether the page may read an upload's offset with a request of its own.
window.offset = async (url) => {
  const answer = await fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
  return { status: answer.status, offset: answer.headers.get('Upload-Offset') }
}

// Sends several files with Uppy. With `pauseAt`, all of them pause once at that share, until `resumeUppy`.
window.sendWithUppy = async ({ endpoint, paths, pauseAt = 2, chunkSize = 1 << 20 }) => {
  const uppy = new Uppy({ autoProceed: false }).use(Tus, { endpoint, chunkSize, retryDelays: RETRIES, limit: 3 })
  for (const path of paths) {
    const name = path.split('/').pop()
    uppy.addFile({ name, type: 'application/octet-stream', data: await fileOf(path, name) })
  }
  window.paused = false
  uppy.on('progress', (percent) => {
    if (window.paused || percent < pauseAt * 100) return
    window.paused = true
    uppy.pauseAll()
  })
  window.uppy = uppy
  const result = await uppy.upload()
  return {
    urls: Object.fromEntries(result.successful.map((file) => [file.name, file.uploadURL])),
    failed: result.failed.map((file) => `${file.name}: ${file.error}`),
  }
}

window.uppyUrls = () => window.uppy.getFiles().map((file) => file.tus?.uploadUrl).filter(Boolean)
window.resumeUppy = () => window.uppy.resumeAll()
