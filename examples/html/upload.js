// Uploads that go on after a cut, a reload or a night, in a page without a build. tus-js-client does the work.

const form = document.querySelector('form')
const [file, start, pause] = form.elements
const bar = form.querySelector('progress')
const say = form.querySelector('output')

let upload

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  upload = new tus.Upload(file.files[0], {
    endpoint: form.dataset.endpoint,
    metadata: { filename: file.files[0].name, filetype: file.files[0].type },
    retryDelays: [0, 1000, 3000, 5000, 10000, 20000],
    removeFingerprintOnSuccess: true,
    onProgress: (sent, size) => {
      bar.value = size ? sent / size : 1
      say.value = `${Math.floor(bar.value * 100)} %`
    },
    onSuccess: () => {
      pause.disabled = true
      const link = document.createElement('a')
      link.href = upload.url
      link.textContent = 'uploaded'
      say.replaceChildren(link)
    },
    onError: (error) => {
      pause.disabled = true
      // Our server says what is wrong in the body of its answer.
      say.value = error.originalResponse?.getBody() || error.message
    },
  })
  // The browser remembers the address of what was begun; the same file goes on there.
  const [earlier] = await upload.findPreviousUploads()
  if (earlier) upload.resumeFromPreviousUpload(earlier)
  pause.disabled = false
  pause.textContent = 'Pause'
  upload.start()
})

pause.addEventListener('click', async () => {
  if (pause.textContent === 'Pause') {
    pause.textContent = 'Resume'
    await upload.abort()
  } else {
    pause.textContent = 'Pause'
    upload.start()
  }
})
