import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// A server that runs already; `make run` starts one there.
const server = 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  // Relative, so that the page also works below a path of some proxy.
  base: './',
  build: {
    outDir: '../tusd_py/server/web',
    emptyOutDir: true,
    // Everything is a file of its own: the policy of the page forbids what is inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One style for all views: one that did not come with its view would not be asked for a second time.
    cssCodeSplit: false,
    target: 'es2022',
  },
  server: {
    proxy: { '/api': server, '/files': server, '/file': server },
  },
})
