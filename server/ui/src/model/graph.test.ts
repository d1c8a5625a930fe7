import { expect, test } from 'vitest'
import type { Transitions } from '../api/types'
import { graphOf } from './graph'
import { elkInput, firstView, placesFromAuthor, rows, spread } from './layout'

const at = (x: number, y: number) => ({ nodeLocation: { x, y } })
const tasks = {
  workflow_start: { name: 'workflow_start', ...at(0, 0) },
  a: { name: 'merge', summary: 'Put together', app: 'WorkFlowEngine', ...at(0, 100) },
  b: { name: 'ViewData', type: 'manual', ...at(0, 200) },
  workflow_end: { name: 'workflow_end', ...at(0, 300) },
}
const transitions: Transitions = {
  workflow_start: { a: { type: 'standard', state: 'success' } },
  a: { b: { type: 'standard', state: 'success' } },
  b: { a: { type: 'revert', state: 'failure' }, workflow_end: { type: 'standard', state: 'success' }, gone: { type: 'standard', state: 'error' } },
}

test('a workflow becomes nodes and lines; a line to nowhere is left out', () => {
  const g = graphOf(tasks, transitions, { a: 2 })
  expect(g.nodes.map((n) => [n.id, n.kind, n.title, n.problems])).toEqual([
    ['workflow_start', 'start', 'Start', 0],
    ['a', 'application', 'Put together', 2],
    ['b', 'manual', 'ViewData', 0],
    ['workflow_end', 'end', 'End', 0],
  ])
  expect(g.lines.map((l) => [l.id, l.state, l.revert, l.taken])).toEqual([
    ['workflow_start>a', 'success', false, undefined],
    ['a>b', 'success', false, undefined],
    ['b>a', 'failure', true, undefined],
    ['b>workflow_end', 'success', false, undefined],
  ])
})

test('a job knows the lines it took, the states of its tasks and how often they ran', () => {
  const state = (status: string, iterations: string[], finish_state?: 'success' | 'failure') => ({ status, iterations, finish_state })
  const g = graphOf(
    {
      workflow_start: { ...tasks.workflow_start, ...state('complete', [], 'success') },
      a: { ...tasks.a, ...state('complete', ['1', '2'], 'success') },
      b: { ...tasks.b, ...state('running', ['3', '4']) },
      workflow_end: { ...tasks.workflow_end, ...state('incomplete', []) },
    },
    transitions,
  )
  expect(Object.fromEntries(g.lines.map((l) => [l.id, l.taken]))).toEqual({
    'workflow_start>a': true,
    'a>b': true,
    'b>a': undefined,
    'b>workflow_end': false,
  })
  expect(g.nodes.map((n) => [n.look?.label, n.iterations])).toEqual([
    ['Success', 0],
    ['Success', 2],
    ['Waits for a person', 2],
    ['Not started', 0],
  ])
})

test('places of the author are kept, and spread until nothing overlaps', () => {
  const places = placesFromAuthor(graphOf(tasks, transitions))
  expect(places).toEqual({ workflow_start: { x: 0, y: 0 }, a: { x: 0, y: 100 }, b: { x: 0, y: 200 }, workflow_end: { x: 0, y: 300 } })
  const tight = graphOf({ a: { name: 'a', ...at(0, 0) }, b: { name: 'b', ...at(0, 44) } }, {})
  expect(spread(tight)).toBe(2)
  expect(placesFromAuthor(tight)).toEqual({ a: { x: 0, y: 0 }, b: { x: 0, y: 88 } })
})

test('without usable places a layout is computed', () => {
  expect(placesFromAuthor(graphOf({ a: { name: 'a' }, b: { name: 'b', ...at(0, 0) } }, {}))).toBeNull()
  expect(placesFromAuthor(graphOf({ a: { name: 'a', ...at(5, 5) }, b: { name: 'b', ...at(5, 5) } }, {}))).toBeNull()
  expect(placesFromAuthor(graphOf({ a: { name: 'a', ...at(0, 0) }, b: { name: 'b', ...at(1, 1) } }, {}))).toBeNull()
})

test('the layout engine sees reverts turned round, and the ends at the ends', () => {
  const input = elkInput(graphOf(tasks, transitions))
  expect(input.edges.find((e) => e.id === 'b>a')).toEqual({ id: 'b>a', sources: ['a'], targets: ['b'] })
  expect(input.children.map((c) => Object.values(c.layoutOptions))).toEqual([['FIRST'], [], [], ['LAST']])
})

test('rows puts each task one row below what leads to it, loops or not', () => {
  const places = rows(graphOf(tasks, { ...transitions, workflow_end: { a: { type: 'standard', state: 'success' } } }))
  const heights = ['workflow_start', 'a', 'b', 'workflow_end'].map((id) => places[id]!.y)
  expect(heights).toEqual([...heights].sort((x, y) => x - y))
  expect(new Set(heights).size).toBe(4)
})

test('the first view shows everything, or what matters when everything would be too small', () => {
  const pane = { width: 1000, height: 600 }
  const small = graphOf(tasks, transitions)
  const all = firstView(small, placesFromAuthor(small)!, null, pane)
  expect(all.zoom).toBe(1)
  expect(all.x).toBe((1000 - 232) / 2)
  const places = { workflow_start: { x: 0, y: 0 }, a: { x: 0, y: 3000 }, b: { x: 0, y: 6000 }, workflow_end: { x: 0, y: 9000 } }
  expect(firstView(small, places, null, pane)).toMatchObject({ zoom: 0.8, y: 36 })
  const running = graphOf({ ...tasks, a: { ...tasks.a, status: 'running', iterations: ['1'] } }, transitions)
  const [work, chosen] = [firstView(running, places, null, pane), firstView(running, places, 'b', pane)]
  expect(work.y + 3000 * 0.8).toBeCloseTo((600 - 64 * 0.8) / 2)
  expect(chosen.y + 6000 * 0.8).toBeCloseTo((600 - 64 * 0.8) / 2)
})
