import { expect, test } from 'vitest'
import type { JobStatus } from '../api/types'
import { consequence, isFinal, jobActs, jobLook, jobStatuses, statusLook, taskLook } from './status'

test('every job status has a word, an icon and a tone of its own pair', () => {
  const looks = jobStatuses.map(statusLook)
  expect(new Set(looks.map((l) => l.label)).size).toBe(jobStatuses.length)
  expect(new Set(looks.map((l) => l.icon)).size).toBe(jobStatuses.length)
})

test('a job that completed with warnings, or still stops, says so', () => {
  const warnings = [{ task: 'a', message: 'x', timestamp: 1 }]
  expect(jobLook({ status: 'complete', warnings }).label).toBe('Complete with warnings')
  expect(jobLook({ status: 'complete', warnings: [] }).tone).toBe('good')
  expect(jobLook({ status: 'canceled', warnings: [], finishing: true }).label).toBe('Canceling')
})

test('a status this version does not know is shown as it is', () => {
  expect(statusLook('dreaming')).toEqual({ label: 'dreaming', icon: 'dash', tone: 'muted' })
})

test.each([
  [{ status: 'incomplete', never: true }, 'Never runs'],
  [{ status: 'paused', blocked: { reason: 'too many', approvedBy: null } }, 'Blocked'],
  [{ status: 'running', type: 'manual' }, 'Waits for a person'],
  [{ status: 'running', type: 'automatic' }, 'Running'],
  [{ status: 'failure' }, 'Failure'],
  [{ status: 'error' }, 'Error'],
  [{ status: 'incomplete' }, 'Not started'],
])('task %j looks like %s', (task, label) => {
  expect(taskLook(task).label).toBe(label)
})

test.each<[JobStatus, boolean, string[]]>([
  ['running', false, ['pause', 'cancel']],
  ['paused', false, ['resume', 'cancel']],
  ['blocked', false, ['resume', 'cancel']],
  ['error', false, ['cancel']],
  ['complete', true, []],
  ['canceled', true, []],
])('a job that is %s: final %s, acts %j', (status, final, acts) => {
  expect(isFinal({ status })).toBe(final)
  expect(jobActs({ status })).toEqual(acts)
})

test('a canceled job that still finishes can be canceled without grace', () => {
  expect(jobActs({ status: 'canceled', finishing: true })).toEqual(['cancel'])
  expect(isFinal({ status: 'canceled', finishing: true })).toBe(false)
})

test('a consequence tells how many jobs it meets', () => {
  expect(consequence('cancel', 3)).toContain('these 3 jobs')
  expect(consequence('cancel')).toContain('the job')
})
