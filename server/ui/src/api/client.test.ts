import { afterEach, expect, test, vi } from 'vitest'
import { ApiError, call, onLoggedOut, query } from './client'
import { jobs, workflows } from './heddle'

function answer(status: number, body: unknown, type = 'application/json') {
  const fetched = vi.fn(
    async (_path: string, _init: RequestInit) => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'Content-Type': type } }),
  )
  vi.stubGlobal('fetch', fetched)
  return fetched
}

afterEach(() => vi.unstubAllGlobals())

test('parameters are written in a stable order, without what is not given', () => {
  expect(query({ skip: 0, 'equals[name]': 'a b', limit: undefined, 'exists[parent.job]': false, empty: '' })).toBe(
    '?equals%5Bname%5D=a+b&exists%5Bparent.job%5D=false&skip=0',
  )
  expect(query({})).toBe('')
})

test('a list is read out of its envelope, with the exact total', async () => {
  const fetched = answer(200, { message: 'ok', data: [{ _id: '1' }], metadata: { total: 41 } })
  expect(await jobs.list({ limit: 1 })).toEqual({ rows: [{ _id: '1' }], total: 41 })
  expect(fetched.mock.calls[0]![0]).toBe('/operations-manager/jobs?limit=1')
})

test('a start sends what the API expects, as JSON with the cookie', async () => {
  const fetched = answer(200, { message: 'ok', data: { _id: '1' }, metadata: {} })
  await jobs.start('A/B', { x: 1 })
  const init = fetched.mock.calls[0]![1]
  expect(init).toMatchObject({ method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' } })
  expect(JSON.parse(String(init.body))).toEqual({ workflow: 'A/B', options: { variables: { x: 1 } } })
})

test('a workflow that is not there is null', async () => {
  answer(200, {})
  expect(await workflows.get('gone')).toBeNull()
})

test('an error carries the words, the status and the places of the server', async () => {
  answer(400, { message: 'wrong', data: null, metadata: { errors: [{ pointer: '/a', code: 'type', message: 'must be a number' }] } })
  const err = await call('GET', '/x').catch((e: unknown) => e)
  expect(err).toBeInstanceOf(ApiError)
  expect(err).toMatchObject({ status: 400, message: 'wrong', details: [{ pointer: '/a' }] })
})

test('an error without an envelope still says something', async () => {
  answer(502, '<html>', 'text/html')
  await expect(call('GET', '/x')).rejects.toMatchObject({ status: 502, message: 'The server answered 502.' })
})

test('a lost session is announced, a refused login is not', async () => {
  const told = vi.fn()
  const stop = onLoggedOut(told)
  answer(401, { message: 'no session' })
  await call('POST', '/login', {}).catch(() => undefined)
  expect(told).not.toHaveBeenCalled()
  await call('GET', '/whoami').catch(() => undefined)
  expect(told).toHaveBeenCalledOnce()
  stop()
})

test('a server that cannot be reached is told apart', async () => {
  vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('refused')))
  await expect(call('GET', '/x')).rejects.toMatchObject({ status: 0 })
})
