package mongostore

import "runtime"

// WaitForQueue returns once so many calls of Commit wait for a writer.
func WaitForQueue(s *Store, n int) {
	for {
		s.writer.mu.Lock()
		waiting := len(s.writer.queue)
		s.writer.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}
