// A workflow in a project is called "@<project id>: <its own name>".

const pattern = /^@([^:]+): (.+)$/s

/** plainName is a workflow's own name. */
export function plainName(name: string): string {
  return pattern.exec(name)?.[2] ?? name
}

/** projectOf is the id of the project a workflow belongs to, or null. */
export function projectOf(name: string): string | null {
  return pattern.exec(name)?.[1] ?? null
}
