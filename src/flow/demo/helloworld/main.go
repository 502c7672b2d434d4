// The Hello World that the story is told on.
package main

import "fmt"

func main() {
	fmt.Println("Hello World")
}
