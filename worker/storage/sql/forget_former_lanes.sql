UPDATE lanes SET former = NULL
