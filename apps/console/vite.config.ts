/** Builds the console to `dist/`: static files, no inline script, served from `/` by the node. */
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { offlineWorker } from './build/offlineWorker.ts'
import { standaloneFile } from './build/standaloneFile.ts'

export default defineConfig({
  base: '/',
  plugins: [react(), tailwindcss(), standaloneFile(), offlineWorker()],
  server: { proxy: { '/config.json': process.env.CONSOLE_URL ?? 'http://127.0.0.1:3000' } },
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    // Inlined data URLs would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  worker: { format: 'es' },
})
