package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The ends of a partition, in the words of the protocol.
const (
	latest   = -1
	earliest = -2
)

// topic is what requests call it by: newer brokers want its identifier, older ones its name.
type topic struct {
	name       string
	id         [16]byte
	partitions []int32
}

// topic looks a topic up.
func (c *cluster) topic(ctx context.Context, name string) (topic, error) {
	out := topic{name: name}
	ask := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	ask.Topics = append(ask.Topics, t)
	got, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return out, err
	}
	for _, t := range got.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return out, err
		}
		out.id = t.TopicID
		for _, p := range t.Partitions {
			out.partitions = append(out.partitions, p.Partition)
		}
	}
	slices.Sort(out.partitions)
	return out, nil
}

// bounds is one end of each partition.
func (c *cluster) bounds(ctx context.Context, of topic, end int64) (map[int32]int64, error) {
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = of.name
	for _, n := range of.partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = n, end
		t.Partitions = append(t.Partitions, p)
	}
	ask := kmsg.NewPtrListOffsetsRequest()
	ask.ReplicaID, ask.Topics = -1, append(ask.Topics, t)
	got, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	out := map[int32]int64{}
	for _, t := range got.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, err
			}
			out[p.Partition] = p.Offset
		}
	}
	return out, nil
}

// stored is how far a group has come; a group begins with its first commit.
func (c *cluster) stored(ctx context.Context, group string, of topic) (map[int32]int64, error) {
	t := kmsg.NewOffsetFetchRequestGroupTopic()
	t.Topic, t.TopicID, t.Partitions = of.name, of.id, of.partitions
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = group, append(g.Topics, t)
	ask := kmsg.NewPtrOffsetFetchRequest()
	ask.Groups = append(ask.Groups, g)
	got, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	out := map[int32]int64{}
	for _, g := range got.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); errors.Is(err, kerr.GroupIDNotFound) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, err
				}
				if p.Offset >= 0 {
					out[p.Partition] = p.Offset
				}
			}
		}
	}
	return out, nil
}

// store remembers how far a group has come.
func (c *cluster) store(ctx context.Context, group string, of topic, at map[int32]int64) error {
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.TopicID = of.name, of.id
	for _, n := range slices.Sorted(maps.Keys(at)) {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = n, at[n], -1
		t.Partitions = append(t.Partitions, p)
	}
	ask := kmsg.NewPtrOffsetCommitRequest()
	ask.Group, ask.Generation, ask.Topics = group, -1, append(ask.Topics, t)
	got, err := ask.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	for _, t := range got.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
