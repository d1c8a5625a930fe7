// A server of one's own on a temporary folder, and a browser to look at it with.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const password = 'a-password-for-tests'

/** serve starts Heddle: the binary HEDDLE_BINARY names, else `go run .`. */
export async function serve(mock) {
  const folder = await mkdtemp(join(tmpdir(), 'heddle-ui-'))
  const port = await freePort()
  await writeFile(join(folder, 'mock.json'), JSON.stringify(mock))
  const flags = ['serve', '--data-dir', join(folder, 'data'), '--listen', `127.0.0.1:${port}`, '--bus-listen', 'off', '--mock', join(folder, 'mock.json')]
  const [command, args] = process.env.HEDDLE_BINARY ? [process.env.HEDDLE_BINARY, flags] : ['go', ['run', '.', ...flags]]
  // A group of its own: `go run` does not hand signals on to what it runs.
  const child = spawn(command, args, { cwd: root, detached: true, env: { ...process.env, HEDDLE_ADMIN_PASSWORD: password }, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  await new Promise((ready, fail) => {
    const patience = setTimeout(() => fail(new Error(`the server is not ready after 3 minutes:\n${log}`)), 180_000)
    const hear = (data) => {
      log += data
      if (!log.includes('Heddle is ready')) return
      clearTimeout(patience)
      ready()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('exit', (code) => fail(new Error(`the server ended with ${code}:\n${log}`)))
  })
  const stop = async () => {
    const ended = new Promise((done) => child.once('exit', done))
    process.kill(-child.pid, 'SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  return { url: `http://127.0.0.1:${port}`, stop }
}

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => done(port))
    })
  })
}

/** browse opens Chromium: HEDDLE_CHROMIUM, else the usual place of Debian's. */
export async function browse() {
  return chromium.launch({
    executablePath: process.env.HEDDLE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}
