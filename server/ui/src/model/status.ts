// How states are shown: a word, an icon and a tone. Colour never stands alone.
import type { Job, JobRow, JobStatus, JobTask } from '../api/types'

export type Tone = 'neutral' | 'active' | 'good' | 'warn' | 'bad' | 'muted'
export type IconName = 'play' | 'pause' | 'check' | 'cross' | 'alert' | 'stop' | 'dash' | 'person' | 'shield' | 'retry' | 'start' | 'flag' | 'skip' | 'branch'

export interface Look {
  label: string
  icon: IconName
  tone: Tone
}

/** jobStatuses in the order in which the job list counts them. */
export const jobStatuses: JobStatus[] = ['running', 'blocked', 'paused', 'error', 'incomplete', 'complete', 'canceled']

const jobLooks: Record<JobStatus, Look> = {
  running: { label: 'Running', icon: 'play', tone: 'active' },
  blocked: { label: 'Blocked', icon: 'shield', tone: 'warn' },
  paused: { label: 'Paused', icon: 'pause', tone: 'warn' },
  error: { label: 'Error', icon: 'cross', tone: 'bad' },
  incomplete: { label: 'Incomplete', icon: 'dash', tone: 'muted' },
  complete: { label: 'Complete', icon: 'check', tone: 'good' },
  canceled: { label: 'Canceled', icon: 'stop', tone: 'muted' },
}

/** statusLook is the look of a status alone. */
export function statusLook(status: string): Look {
  return jobLooks[status as JobStatus] ?? { label: status, icon: 'dash', tone: 'muted' }
}

/** jobLook is the look of a job: one that completed with warnings, or still stops, says so. */
export function jobLook(job: Pick<JobRow, 'status' | 'finishing' | 'warnings'>): Look {
  if (job.status === 'complete' && (job.warnings?.length ?? 0) > 0) return { label: 'Complete with warnings', icon: 'alert', tone: 'warn' }
  if (job.status === 'canceled' && job.finishing) return { label: 'Canceling', icon: 'stop', tone: 'warn' }
  return statusLook(job.status)
}

/** taskLook is the look of a task inside a job. */
export function taskLook(t: Pick<JobTask, 'status' | 'finish_state' | 'never' | 'blocked' | 'type'>): Look {
  if (t.never) return { label: 'Never runs', icon: 'skip', tone: 'muted' }
  if (t.blocked) return { label: 'Blocked', icon: 'shield', tone: 'warn' }
  switch (t.status) {
    case 'complete':
      return { label: 'Success', icon: 'check', tone: 'good' }
    case 'failure':
      return { label: 'Failure', icon: 'branch', tone: 'warn' }
    case 'error':
      return { label: 'Error', icon: 'cross', tone: 'bad' }
    case 'running':
      return t.type === 'manual' ? { label: 'Waits for a person', icon: 'person', tone: 'active' } : { label: 'Running', icon: 'play', tone: 'active' }
    case 'paused':
      return { label: 'Paused', icon: 'pause', tone: 'warn' }
    case 'canceled':
      return { label: 'Canceled', icon: 'stop', tone: 'muted' }
  }
  return { label: 'Not started', icon: 'dash', tone: 'neutral' }
}

/** isFinal tells whether a job cannot change any more. */
export function isFinal(job: Pick<Job, 'status' | 'finishing'>): boolean {
  return (job.status === 'complete' || job.status === 'canceled') && !job.finishing
}

/** Act is something an operator can do to a job. */
export type Act = 'pause' | 'resume' | 'cancel'

/** jobActs are the acts that a job's status allows. */
export function jobActs(job: Pick<Job, 'status' | 'finishing'>): Act[] {
  switch (job.status) {
    case 'running':
      return ['pause', 'cancel']
    case 'paused':
    case 'blocked':
      return ['resume', 'cancel']
    case 'error':
    case 'incomplete':
      return ['cancel']
  }
  return job.finishing ? ['cancel'] : []
}

/** consequence says in words what an act does to n jobs. */
export function consequence(act: Act, n = 1): string {
  const it = n === 1 ? 'the job' : `these ${n} jobs`
  switch (act) {
    case 'pause':
      return `Nothing new starts in ${it}. Tasks that run now finish and keep their results; manual tasks cannot be finished until it goes on. Child jobs pause too.`
    case 'resume':
      return `Work goes on where it stopped: results and timers that came in meanwhile take effect, in order.`
    case 'cancel':
      return `No further task starts in ${it} and what runs is told to stop. A canceled job cannot be resumed or retried.`
  }
}
