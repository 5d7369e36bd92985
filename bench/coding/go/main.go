// The file tree over go-ethereum's keccak, the way a Go program would: `rivals BYTES GOROUTINES`, one line of JSON.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
)

const segmentBytes = 262144

func main() {
	size, _ := strconv.Atoi(os.Args[1])
	workers, _ := strconv.Atoi(os.Args[2])
	data := make([]byte, size)
	state := uint32(1)
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = byte(state >> 24)
	}
	cpu, start := cpuSeconds(), time.Now()
	segments := (size + segmentBytes - 1) / segmentBytes
	roots := make([]byte, 32*segments)
	var group sync.WaitGroup
	for w := 0; w < workers; w++ {
		group.Add(1)
		go func(first int) {
			defer group.Done()
			hasher := crypto.NewKeccakState()
			level := make([]byte, 32*1024)
			for s := first; s < segments; s += workers {
				segment := data[s*segmentBytes : min(size, (s+1)*segmentBytes)]
				for i := 0; i*256 < len(segment); i++ {
					hasher.Reset()
					hasher.Write(segment[i*256 : i*256+256])
					hasher.Read(level[32*i : 32*i+32])
				}
				reduce(hasher, level, len(segment)/256)
				copy(roots[32*s:], level[:32])
			}
		}(w)
	}
	group.Wait()
	reduce(crypto.NewKeccakState(), roots, segments)
	fmt.Printf("{\"cpu\":%f,\"wall\":%f,\"root\":\"%x\"}\n", cpuSeconds()-cpu, time.Since(start).Seconds(), roots[:32])
}

func reduce(hasher crypto.KeccakState, level []byte, count int) {
	for width := count / 2; width > 0; width /= 2 {
		for i := 0; i < width; i++ {
			hasher.Reset()
			hasher.Write(level[64*i : 64*i+64])
			hasher.Read(level[32*i : 32*i+32])
		}
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
