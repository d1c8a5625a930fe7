import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The names of what is built do not change with its content: dist is committed, and the
// server tells browsers by ETag whether a file is new.
export default defineConfig({
  base: '/ui/',
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/login', '/logout', '/whoami', '/operations-manager', '/automation-studio', '/workflow_builder', '/authorization'].map((path) => [
        path,
        { target: 'http://127.0.0.1:3000', changeOrigin: false },
      ]),
    ),
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
