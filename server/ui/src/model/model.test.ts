import { expect, test } from 'vitest'
import type { JobRow } from '../api/types'
import { compare, revertTargets, sourceOf } from './diff'
import { tell, words } from './event'
import { fieldsOf, readForm } from './form'
import { buttonLabels, fill, viewOf } from './manual'
import { plainName, projectOf } from './name'
import { ago, span } from './time'
import { treeOf } from './tree'

const schema = {
  type: 'object',
  properties: {
    note: { type: 'string' },
    size: { type: 'integer', default: 4 },
    dry: { type: 'boolean' },
    tier: { enum: ['gold', 'silver'] },
    devices: { type: 'array', title: 'Devices' },
    any: {},
  },
  required: ['devices', 'tier'],
}

test('a schema becomes fields, those needed first', () => {
  expect(fieldsOf(schema).map((f) => [f.key, f.kind, f.required, f.initial])).toEqual([
    ['tier', 'choice', true, ''],
    ['devices', 'json', true, '[]'],
    ['note', 'text', false, ''],
    ['size', 'number', false, '4'],
    ['dry', 'boolean', false, ''],
    ['any', 'json', false, ''],
  ])
  expect(fieldsOf(undefined)).toEqual([])
})

test('what is typed becomes variables in the right types; empty optional fields are left out', () => {
  const read = readForm(fieldsOf(schema), { tier: '"gold"', devices: '["a"]', dry: 'true', any: '{"x": 1}' })
  expect(read).toEqual({ variables: { tier: 'gold', devices: ['a'], size: 4, dry: true, any: { x: 1 } }, errors: {} })
})

test('what is wrong is told at its field', () => {
  const { errors } = readForm(fieldsOf(schema), { devices: '{}', size: '1.5', any: 'oops' })
  expect(Object.keys(errors).sort()).toEqual(['any', 'devices', 'size', 'tier'])
  expect(errors.devices).toContain('list')
  expect(errors.size).toContain('whole number')
  expect(errors.any).toContain('not JSON')
})

test('iterations are compared by value, whatever the order of members', () => {
  expect(compare({ a: { x: 1, y: [2] }, b: 1 }, { a: { y: [2], x: 1 }, c: null }).map((c) => [c.key, c.changed])).toEqual([
    ['a', false],
    ['b', true],
    ['c', true],
  ])
})

test('the source of an input is told in words', () => {
  const title = (t: string) => (t === 'a1' ? 'Render' : t)
  expect(sourceOf('$var.a1.output', title)).toBe('output of “Render”')
  expect(sourceOf('$var.job.port', title)).toBe('job variable port')
  expect(sourceOf({ deep: ['$var.job.x'] }, title)).toBe('put together from references')
  expect(sourceOf('plain', title)).toBe('written in the workflow')
  expect(sourceOf(undefined, title)).toBe('')
})

test('a job can go back to finished tasks that lead to this one, nearest first', () => {
  const line = { type: 'standard' }
  const t = { workflow_start: { a: line }, a: { b: line, x: line }, b: { c: line }, c: { a: { type: 'revert' } } }
  expect(revertTargets('c', t, () => true)).toEqual(['b', 'a'])
  expect(revertTargets('c', t, (id) => id === 'a')).toEqual(['a'])
  expect(revertTargets('x', t, () => true)).toEqual(['a'])
})

test('history is told in sentences', () => {
  const title = () => 'Render'
  const event = (type: string, more = {}) => tell({ seq: 1, at: 0, type, task: 'a', ...more }, title)
  expect(event('TaskFinished', { outcome: { finishState: 'failure' }, iteration: 2 })).toEqual({
    text: '“Render” (iteration 2) ended with failure',
    icon: 'branch',
    tone: 'warn',
  })
  expect(event('TaskSkipped', { by: 'ann' }).text).toBe('“Render” was skipped by ann')
  expect(event('SomethingNew').text).toBe('Something new: “Render”')
  expect(words('VariablesPatched')).toBe('Variables patched')
})

test('a manual task shows its texts with variables put in, and its own words on the buttons', () => {
  const task = {
    variables: {
      incoming: { header: 'H', message: 'Port <!port!> of <!who!>', body: { a: 1 }, variables: { port: 7 }, btn_success: 'Accept', extra: 'x', none: '' },
      outgoing: null,
      error: '',
    },
  }
  expect(viewOf(task)).toEqual({ header: 'H', message: 'Port 7 of <!who!>', body: { a: 1 }, rest: { extra: 'x' } })
  expect(buttonLabels(task)).toEqual({ success: 'Accept', failure: 'Failure' })
  expect(fill('<!a!>', 'no object')).toBe('<!a!>')
})

test('a family of jobs is a tree in the order of their start', () => {
  const job = (_id: string, start: number, parent?: string) =>
    ({ _id, name: _id, metrics: { start_time: start }, parent: parent ? { job: parent, taskId: 't', element: null } : undefined }) as unknown as JobRow
  const tree = treeOf([job('c2', 3, 'root'), job('g', 4, 'c1'), job('root', 1), job('c1', 2, 'root'), job('orphan', 9, 'elsewhere')])
  expect(tree.map((b) => [b.job._id, b.depth])).toEqual([
    ['root', 0],
    ['c1', 1],
    ['g', 2],
    ['c2', 1],
    ['orphan', 0],
  ])
})

test('spans and names are short', () => {
  expect([5, 1500, 61_000, 3_720_000, 90_000_000].map(span)).toEqual(['5 ms', '1.5 s', '1 min 1 s', '1 h 2 min', '1 d 1 h'])
  expect(ago(1000, 2000)).toBe('just now')
  expect([plainName('@5f: Onboard: Site'), projectOf('@5f: Onboard'), plainName('Plain'), projectOf('Plain')]).toEqual(['Onboard: Site', '5f', 'Plain', null])
})
