/* Each function jumps into the middle of the one before it: nothing says that those are entered there
   before the next one has been read. */
        .globl _start
        .type _start, @function
_start: call    last
        mov     $231, %eax
        syscall
        hlt
        .size _start, . - _start

        .type step0, @function
step0:  ret
middle0:
        mov     $39, %eax
        syscall
        ret
        .size step0, . - step0

        .macro step number, before
        .type step\number, @function
step\number:
        ret
middle\number:
        jmp     middle\before
        .size step\number, . - step\number
        .endm
        step    1, 0
        step    2, 1
        step    3, 2
        step    4, 3
        step    5, 4
        step    6, 5
        step    7, 6
        step    8, 7
        step    9, 8
        step    10, 9
        step    11, 10
        step    12, 11

        .type last, @function
last:   jmp     middle12
        .size last, . - last
        .section .note.GNU-stack,"",@progbits
