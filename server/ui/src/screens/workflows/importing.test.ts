import { expect, test } from 'vitest'
import { placeOf } from '../../router'
import { kindOf } from './importing'

const workflow = { name: 'w', tasks: {}, transitions: {} }
const project = { name: 'p', components: [] }

test.each([
  [workflow, 'workflow'],
  [project, 'project'],
  [{ message: 'ok', data: project }, 'project'],
  [{ project, conflictMode: 'overwrite' }, 'project'],
  [{ automation: workflow }, 'workflow'],
  [{ name: 'w', tasks: {} }, 'unknown'],
  [[workflow], 'unknown'],
  [null, 'unknown'],
  ['text', 'unknown'],
])('%j is a %s', (doc, kind) => {
  expect(kindOf(doc).kind).toBe(kind)
})

test('an address is read by its parts, decoded', () => {
  const place = placeOf('/ui/workflows/A%2FB%20C?task=a1')
  expect(place.path).toEqual(['workflows', 'A/B C'])
  expect(place.search.get('task')).toBe('a1')
  expect(placeOf('/').path).toEqual([])
})
