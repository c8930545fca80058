import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/**
 * The page's style, for that part of another page that is ours: every rule inside `.tusd-py`, and what the page
 * says of itself said of that element.
 */
function ours(): Plugin {
  return {
    name: 'ours',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.css')) return null
      return `.tusd-py {\n${code.replace(/^(\s*)(?::root|body|main)(?=[ ,])/gm, '$1&')}\n}`
    },
  }
}

export default defineConfig({
  plugins: [ours(), react()],
  // package.json of the package.
  publicDir: 'component',
  build: {
    outDir: 'dist/tusd-py-upload',
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: 'src/component/index.tsx', formats: ['es'], fileName: 'upload', cssFileName: 'upload' },
    rolldownOptions: { external: ['react', 'react-dom', 'react/jsx-runtime'] },
  },
})
