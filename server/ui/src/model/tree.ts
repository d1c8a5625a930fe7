// A family of jobs as an indented list.
import type { JobRow } from '../api/types'

export interface Branch {
  job: JobRow
  depth: number
}

/** treeOf orders jobs so that children follow their parent, the oldest first. */
export function treeOf(rows: JobRow[]): Branch[] {
  const ids = new Set(rows.map((j) => j._id))
  const below = new Map<string, JobRow[]>()
  for (const j of rows) {
    const parent = j.parent && ids.has(j.parent.job) ? j.parent.job : ''
    below.set(parent, [...(below.get(parent) ?? []), j])
  }
  const out: Branch[] = []
  const walk = (parent: string, depth: number) => {
    const list = below.get(parent) ?? []
    list.sort((a, b) => a.metrics.start_time - b.metrics.start_time || (a.parent?.element ?? 0) - (b.parent?.element ?? 0))
    for (const job of list) {
      out.push({ job, depth })
      walk(job._id, depth + 1)
    }
  }
  walk('', 0)
  return out
}
