// Every request that the screens make, by resource.
import { call, query, type Params } from './client'
import type { HistoryEvent, Job, JobRow, JsonObject, Me, Page, Problem, Reason, TaskRun, Workflow, FinishState } from './types'

const operations = '/operations-manager'
const studio = '/automation-studio'
const id = encodeURIComponent

interface Envelope<T> {
  message: string
  data: T
  metadata: { total?: number }
}

async function data<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await call<Envelope<T>>(method, path, body)).data
}

async function page<T>(path: string, params: Params): Promise<Page<T>> {
  const answer = await call<Envelope<T[]>>('GET', path + query(params))
  return { rows: answer.data, total: answer.metadata.total ?? answer.data.length }
}

export const session = {
  login: (username: string, password: string) => call<string>('POST', '/login', { user: { username, password } }),
  logout: () => call('POST', '/logout', {}),
  me: () => call<Me>('GET', '/whoami'),
}

/** BulkResult tells of each job whether the act was done. */
export type BulkResult = Record<string, { success: boolean; status?: string; message?: string }>

export const jobs = {
  list: (params: Params) => page<JobRow>(`${operations}/jobs`, params),
  get: (job: string) => data<Job>('GET', `${operations}/jobs/${id(job)}?dereference=accounts.metrics.user`),
  explain: (job: string) => data<{ status: string; reasons: Reason[] }>('GET', `${operations}/jobs/${id(job)}/explain`),
  history: (job: string, skip: number, limit: number) => page<HistoryEvent>(`${operations}/jobs/${id(job)}/history`, { skip, limit }),
  start: (workflow: string, variables: JsonObject, description?: string) =>
    data<Job>('POST', `${operations}/jobs/start`, { workflow, options: { variables, ...(description ? { description } : {}) } }),
  pause: (jobIds: string[]) => call<Envelope<BulkResult>>('POST', `${operations}/jobs/pause`, { jobIds }),
  resume: (jobIds: string[]) => call<Envelope<BulkResult>>('POST', `${operations}/jobs/resume`, { jobIds }),
  cancel: (jobIds: string[], mode: 'terminate' | 'graceful') => call<Envelope<BulkResult>>('POST', `${operations}/jobs/cancel`, { jobIds, mode }),
  retry: (job: string, task: string) => data<Job>('POST', `${operations}/jobs/${id(job)}/tasks/${id(task)}/retry`, {}),
  skip: (job: string, task: string, reason: string) => data<Job>('POST', `${operations}/jobs/${id(job)}/tasks/${id(task)}/skip`, { reason }),
  revert: (job: string, fromTask: string, toTask: string) => data<Job>('POST', `${operations}/jobs/${id(job)}/revert`, { fromTask, toTask }),
  finish: (job: string, task: string, finish_state: FinishState, variables: JsonObject) =>
    data<Job>('POST', `${operations}/jobs/${id(job)}/tasks/${id(task)}/finish`, { taskData: { finish_state, variables } }),
}

export const tasks = {
  list: (params: Params) => page<TaskRun>(`${operations}/tasks`, params),
  get: (run: string) => data<TaskRun>('GET', `${operations}/tasks/${id(run)}?dereference=accounts.metrics.owner`),
  claim: (run: string) => data<TaskRun>('POST', `${operations}/tasks/${id(run)}/claim`, {}),
  release: (run: string) => data<TaskRun>('POST', `${operations}/tasks/${id(run)}/release`, {}),
}

export interface ProjectImport {
  message: string
  data: { _id: string; name: string; components: unknown[] }
  metadata: { failedComponents: { name: string; reason: string }[]; drafts: string[] }
}

export const workflows = {
  list: async (params: Params): Promise<Page<Workflow>> => {
    const answer = await call<{ items: Workflow[]; total: number }>('GET', `${studio}/workflows${query(params)}`)
    return { rows: answer.items, total: answer.total }
  },
  get: async (name: string): Promise<Workflow | null> => {
    const doc = await call<Partial<Workflow>>('GET', `${studio}/workflows/detailed/${id(name)}`)
    return doc.name === undefined ? null : (doc as Workflow)
  },
  validate: (workflow: unknown) => call<{ isValid: boolean; errors: Problem[]; warnings: Problem[] }>('POST', `${studio}/workflows/validate`, { workflow }),
  exportOne: (name: string) => call<JsonObject>('POST', '/workflow_builder/export', { options: { name } }),
  importMany: (automations: unknown[]) =>
    call<{ message: string; imported: { success: boolean; message: string; created?: Workflow }[] }>('POST', `${studio}/automations/import`, { automations }),
  projects: () => page<{ _id: string; name: string }>(`${studio}/projects`, { limit: 1000, include: 'name' }),
  importProject: (project: unknown) => call<ProjectImport>('POST', `${studio}/projects/import`, { project, conflictMode: 'insert-new' }),
}
