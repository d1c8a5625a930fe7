// What differs between two iterations of a task, and where an input came from.
import type { Json, JsonObject } from '../api/types'

export interface Compared {
  key: string
  now: Json | undefined
  before: Json | undefined
  changed: boolean
}

/** compare lists the members of both, in the order of the newer. */
export function compare(now: JsonObject | null, before: JsonObject | null): Compared[] {
  const keys = [...new Set([...Object.keys(now ?? {}), ...Object.keys(before ?? {})])]
  return keys.map((key) => {
    const [a, b] = [now?.[key], before?.[key]]
    return { key, now: a, before: b, changed: canonical(a) !== canonical(b) }
  })
}

function canonical(v: Json | undefined): string {
  if (Array.isArray(v)) return `[${v.map(canonical).join()}]`
  if (typeof v === 'object' && v !== null)
    return `{${Object.keys(v)
      .sort()
      .map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`)
      .join()}}`
  return JSON.stringify(v) ?? 'absent'
}

/** sourceOf says where a defined input takes its value from: a reference, or written there. */
export function sourceOf(defined: Json | undefined, title: (task: string) => string): string {
  if (defined === undefined) return ''
  if (typeof defined === 'string') {
    const m = /^\$var\.([^.]+)\.(.+)$/.exec(defined)
    if (m) return m[1] === 'job' ? `job variable ${m[2]}` : `${m[2]} of “${title(m[1]!)}”`
  }
  if (typeof defined === 'object' && defined !== null && JSON.stringify(defined).includes('"$var.')) return 'put together from references'
  return 'written in the workflow'
}

/** revertTargets are the tasks a job can be taken back to from a task: those that lie before
 *  it and finished, nearest first. */
export function revertTargets(from: string, transitions: Record<string, Record<string, { type: string }>>, finished: (task: string) => boolean): string[] {
  const before = new Map<string, string[]>()
  for (const [a, to] of Object.entries(transitions)) for (const [b, t] of Object.entries(to)) if (t.type !== 'revert') before.set(b, [...(before.get(b) ?? []), a])
  const seen = new Set([from])
  const out: string[] = []
  for (let front = [from]; front.length > 0;) {
    front = [...new Set(front.flatMap((t) => before.get(t) ?? []))].filter((t) => !seen.has(t))
    for (const t of front) {
      seen.add(t)
      if (t !== 'workflow_start' && finished(t)) out.push(t)
    }
  }
  return out
}
