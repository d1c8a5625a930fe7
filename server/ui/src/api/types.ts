// The documents of the HTTP API, as far as the screens read them.

export type JobStatus = 'running' | 'paused' | 'complete' | 'error' | 'canceled' | 'incomplete' | 'blocked'
export type FinishState = 'success' | 'failure' | 'error'
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** Me is the account that is logged in. */
export interface Me {
  _id: string
  username: string
  permissions: string[]
}

export interface Account {
  _id: string
  username: string
}

/** Transition is one line of the canvas. */
export interface Transition {
  type: 'standard' | 'revert'
  state: FinishState | 'loop'
}

export type Transitions = Record<string, Record<string, Transition>>

/** Task is a task as a workflow defines it. */
export interface Task {
  name: string
  summary?: string
  description?: string
  type?: string
  app?: string
  location?: string
  actor?: string
  view?: string
  nodeLocation?: { x: number; y: number }
  variables?: { incoming?: JsonObject; outgoing?: JsonObject }
}

export interface Problem {
  task: string
  name: string
  message: string
  pointer: string
  code: string
}

/** Workflow is a stored workflow. */
export interface Workflow {
  _id: string
  name: string
  description?: string
  type?: string
  created_by?: Account
  last_updated?: string
  last_updated_by?: Account
  inputSchema?: Schema
  tasks: Record<string, Task>
  transitions: Transitions
  errors?: Problem[]
  warnings?: Problem[]
}

/** Schema is as much of JSON Schema as the start form understands. */
export interface Schema {
  type?: string | string[]
  title?: string
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  enum?: Json[]
  default?: Json
  items?: Schema
}

export interface TaskMetrics {
  start_time?: number
  claim_time?: number
  end_time?: number
  run_time?: number
  finish_state?: FinishState
  owner?: string | Account
  server_id?: string
  progress_text?: string
  percent?: number
}

/** JobTask is a task of a job with its state. */
export interface JobTask extends Task {
  taskId: string
  status: string
  finish_state?: FinishState
  iterations: string[]
  metrics: TaskMetrics
  never?: boolean
  blocked?: { reason: Json; approvedBy: string | null }
  childJobs?: { _id: string; name: Json; element: number; status: JobStatus }[]
  retrySettings?: { count?: number; finishedRetrying?: boolean }
}

export interface Record_ {
  task: string
  name?: string
  message: Json
  timestamp: number
  resolved?: boolean
}

export interface Job {
  _id: string
  name: string
  description: string
  status: JobStatus
  finishing?: boolean
  held?: { since: number; reason: string }
  ancestors: string[]
  parent?: { job: string; taskId: string; element: number | null }
  variables: JsonObject
  error: Record_[] | null
  warnings: Record_[]
  metrics: { start_time: number; end_time?: number; progress: number; user: string | Account | null }
  tasks: Record<string, JobTask>
  transitions: Transitions
}

/** JobRow is what the lists ask of a job. */
export type JobRow = Pick<Job, '_id' | 'name' | 'description' | 'status' | 'finishing' | 'parent' | 'warnings' | 'metrics'>

/** TaskRun is one iteration of a task. */
export interface TaskRun {
  _id: string
  name: string
  summary: string
  app: string
  type: string
  view?: string
  status: string
  variables: { incoming: JsonObject | null; outgoing: JsonObject | null; error: Json }
  iteration: number
  attempt: number
  job: { _id: string; task: string; name: string; description: string; root: string }
  metrics: TaskMetrics
}

/** Reason says why a job has not ended. */
export interface Reason {
  kind: string
  message: string
  unblock: string
  since: number
  until?: number
  task?: string
  name?: string
}

export interface HistoryEvent {
  seq: number
  type: string
  at: number
  task?: string
  iteration?: number
  by?: string
  text?: string
  outcome?: { finishState: FinishState; outgoing?: Json; error?: Json }
  to?: string
  [key: string]: unknown
}

export interface Page<T> {
  rows: T[]
  total: number
}
