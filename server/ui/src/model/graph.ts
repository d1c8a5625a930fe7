// A workflow or a job as a drawing: nodes and lines, without knowledge of any library.
import type { JobTask, Task, Transitions } from '../api/types'
import { taskLook, type Look } from './status'

export interface GraphNode {
  id: string
  title: string
  subtitle: string
  kind: 'start' | 'end' | 'manual' | 'child' | 'adapter' | 'application'
  at?: { x: number; y: number }
  look?: Look
  iterations: number
  problems: number
}

export interface GraphLine {
  id: string
  from: string
  to: string
  state: 'success' | 'failure' | 'error' | 'loop'
  revert: boolean
  /** taken: the job went this way. Undefined in a workflow. */
  taken?: boolean
}

export interface Graph {
  nodes: GraphNode[]
  lines: GraphLine[]
}

/** nodeSize is the size every task is drawn in; the start and end are as high and less wide. */
export const nodeSize = { width: 232, height: 64 }

type AnyTask = Task & Partial<JobTask>

/** graphOf draws tasks and their transitions. Problems are counted by task id. */
export function graphOf(tasks: Record<string, AnyTask>, transitions: Transitions, problems: Record<string, number> = {}): Graph {
  const ids = Object.keys(tasks)
  const nodes = ids.map((id) => nodeOf(id, tasks[id]!, problems[id] ?? 0))
  const lines: GraphLine[] = []
  for (const from of Object.keys(transitions)) {
    for (const [to, t] of Object.entries(transitions[from] ?? {})) {
      if (!(from in tasks) || !(to in tasks)) continue
      lines.push({ id: `${from}>${to}`, from, to, state: t.state, revert: t.type === 'revert', taken: takenBy(tasks[from]!, tasks[to]!, t.state, t.type === 'revert') })
    }
  }
  return { nodes, lines }
}

function nodeOf(id: string, task: AnyTask, problems: number): GraphNode {
  const kind = kindOf(id, task)
  const edge = kind === 'start' || kind === 'end'
  return {
    id,
    kind,
    title: kind === 'start' ? 'Start' : kind === 'end' ? 'End' : task.summary || task.name || id,
    subtitle: edge ? '' : [task.name, task.app].filter(Boolean).join(' · '),
    at: task.nodeLocation,
    look: task.status === undefined ? undefined : taskLook({ ...task, status: task.status }),
    iterations: task.iterations?.length ?? 0,
    problems,
  }
}

function kindOf(id: string, task: Task): GraphNode['kind'] {
  if (id === 'workflow_start') return 'start'
  if (id === 'workflow_end') return 'end'
  if (task.type === 'manual') return 'manual'
  if (task.name === 'childJob') return 'child'
  return task.location === 'Adapter' ? 'adapter' : 'application'
}

/** takenBy tells whether the job went along a line. A revert resets the task it comes from, so
 *  of a target that ran more than once it cannot be told. */
function takenBy(from: AnyTask, to: AnyTask, state: string, revert: boolean): boolean | undefined {
  if (from.status === undefined) return undefined
  if (revert) return (to.iterations?.length ?? 0) > 1 ? undefined : false
  if (from.never || from.finish_state !== state) return false
  return (to.iterations?.length ?? 0) > 0 || (to.status !== undefined && to.status !== 'incomplete' && !to.never)
}
