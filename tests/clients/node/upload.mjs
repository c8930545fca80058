// One upload by tus-js-client, as a Node program would do it, told by a JSON job on standard input.
// The outcome is one JSON line on standard output; the exit code is 0 when the upload is done.
//
// job: endpoint, path, state (file that remembers upload URLs), chunkSize (0: whole), stream (a plain
// stream instead of a file), deferred, duringCreation, overridePatch, parallel,
// protocol (as the client calls it), cuts and aborts (numbers of bytes written to the network, in all, at which the
// connection is destroyed, or at which the program gives up and resumes from its memory), headers (objects; the
// first attempt sends the first, and so on, the last for ever).
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { PassThrough, pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { DefaultHttpStack, FileUrlStorage, Upload } from 'tus-js-client'

const job = JSON.parse(await text(process.stdin))
const outcome = { url: null, requests: {}, statuses: {}, cuts: 0, aborts: 0 }

const bump = (counts, key) => { counts[key] = (counts[key] ?? 0) + 1 }

// tus-js-client takes from a plain stream what is buffered, at most a chunk: let a chunk fit.
const source = () => {
  if (!job.stream) return createReadStream(job.path)
  const buffer = { highWaterMark: job.chunkSize }
  return pipeline(createReadStream(job.path, buffer), new PassThrough(buffer), () => {})
}

// The client's progress events come ten times a second, too late for short uploads; so count writes.
let written = 0
let abort = () => {}

const due = (breaks) => {
  if (!breaks.length || written < breaks[0]) return false
  breaks.shift()
  return true
}

class BreakingAgent extends Agent {
  createConnection(options) {
    const socket = connect(options)
    const write = socket.write.bind(socket)
    socket.write = (chunk, ...rest) => {
      written += chunk.length
      const flowing = write(chunk, ...rest)
      if (due(job.cuts)) {
        outcome.cuts += 1
        socket.destroy(new Error('cut by the test'))
      } else if (due(job.aborts)) {
        outcome.aborts += 1
        abort()
      }
      return flowing
    }
    return socket
  }
}

const lengthOptions = async () => {
  if (job.deferred) return { uploadLengthDeferred: true }
  if (job.parallel > 1) return {} // it wants to find out for itself
  return { uploadSize: (await stat(job.path)).size }
}

let attempts = 0

const attempt = async (previous) => {
  const headers = job.headers[Math.min(attempts, job.headers.length - 1)] ?? {}
  attempts += 1
  const options = {
    headers,
    ...(await lengthOptions()),
    endpoint: job.endpoint,
    chunkSize: job.chunkSize || Infinity,
    uploadDataDuringCreation: job.duringCreation,
    overridePatchMethod: job.overridePatch,
    parallelUploads: job.parallel,
    protocol: job.protocol,
    metadata: { filename: 'content.bin', filetype: 'application/octet-stream', empty: '' },
    retryDelays: [20, 50, 100, 200, 500, 1000, 1000, 1000, 1000, 1000],
    urlStorage: new FileUrlStorage(job.state),
    httpStack: new DefaultHttpStack({ agent: new BreakingAgent() }),
    onBeforeRequest: (request) => bump(outcome.requests, request.getMethod()),
    onAfterResponse: (request, response) => bump(outcome.statuses, `${request.getMethod()} ${response.getStatus()}`),
  }
  return new Promise((resolve, reject) => {
    const upload = new Upload(source(), {
      ...options,
      onUploadUrlAvailable: () => { outcome.url = upload.url },
      onSuccess: () => {
        // Of a parallel upload, only the end tells the URL of the whole.
        outcome.url = upload.url
        resolve('done')
      },
      onError: reject,
    })
    abort = () => upload.abort().then(() => resolve('aborted'), reject)
    if (previous) upload.resumeFromPreviousUpload(previous)
    upload.start()
  })
}

// What a new run of the program would find about this file.
const remembered = async () => {
  if (job.stream) return undefined
  const probe = new Upload(source(), { endpoint: job.endpoint, urlStorage: new FileUrlStorage(job.state) })
  const found = await probe.findPreviousUploads()
  return found[0]
}

try {
  let state
  do state = await attempt(await remembered())
  while (state !== 'done')
} catch (error) {
  outcome.error = String(error)
  process.exitCode = 1
}
process.stdout.write(`${JSON.stringify(outcome)}\n`)
