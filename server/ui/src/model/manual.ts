// What a manual task shows to a person.
import type { Json, JsonObject, TaskRun } from '../api/types'

export interface View {
  header: string
  message: string
  body: Json | undefined
  /** rest is what the task was given beside that, or null. */
  rest: JsonObject | null
}

const shown = new Set(['header', 'message', 'body', 'btn_success', 'btn_failure', 'variables'])

/** viewOf reads the inputs of a ViewData task; of any other manual task everything is the rest. */
export function viewOf(t: Pick<TaskRun, 'variables'>): View {
  const given = t.variables.incoming ?? {}
  const rest = Object.fromEntries(Object.entries(given).filter(([key, v]) => !shown.has(key) && v !== null && v !== ''))
  return {
    header: text(given.header),
    message: fill(text(given.message), given.variables),
    body: typeof given.body === 'string' ? fill(given.body, given.variables) : given.body,
    rest: Object.keys(rest).length > 0 ? rest : null,
  }
}

/** fill puts variables into the places <!name!> of a text; an unknown name stays. */
export function fill(s: string, variables: Json | undefined): string {
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) return s
  return s.replace(/<!\s*([\w.-]+)\s*!>/g, (whole, name: string) => {
    const v = variables[name]
    return v === undefined ? whole : typeof v === 'string' ? v : JSON.stringify(v)
  })
}

/** buttonLabels are the task's own words for its two ends. */
export function buttonLabels(t: Pick<TaskRun, 'variables'>): { success: string; failure: string } {
  const given = t.variables.incoming ?? {}
  return { success: text(given.btn_success) || 'Success', failure: text(given.btn_failure) || 'Failure' }
}

function text(v: Json | undefined): string {
  return typeof v === 'string' ? v : v === undefined || v === null ? '' : JSON.stringify(v)
}
